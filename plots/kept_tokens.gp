# columns: label, value, lo, hi, seen, n
set terminal svg size mb_width, mb_bar_height(mb_rows) + 36 noenhanced font "sans-serif,13" name "kept_tokens"
set lmargin mb_label_chars * 0.87 + 2
set rmargin 9
set bmargin 4.8
set yrange [mb_rows - 0.4 : -0.6]
set ytics scale 0
set xrange [0 : *]
set xlabel "tokens in the key-value cache"
set grid xtics ls 10
set key at graph 1, screen 0.995 right top horizontal
set tmargin 2.2
plot $data using ($2 / 2):0:(0):2:($0 - mb_bar):($0 + mb_bar):ytic(1) with boxxyerror lt 1, \
     $data using 2:0:3:4 with xerrorbars lt -1 lw 1.2 ps 0, \
     $data using (valid(4) ? $4 : $2):0:(mb_number($2)) with labels left offset 0.6, 0 font ",12", \
     $data using 5:0 with points lt 2 ps 0.8 title "tokens seen"
