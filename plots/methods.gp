# columns: label, speedup, lo, hi, note, n
set terminal svg size mb_width, mb_bar_height(mb_rows) noenhanced font "sans-serif,13" name "methods"
# As wide as the longest text beside a bar needs: 6.7 pixels a character.
mb_plot = mb_width - 8 * (mb_label_chars * 0.87 + 2) - 24.0
mb_text(s) = 6.7 * (strlen(s) + 8) / mb_plot
mb_need(end, s) = end / (1 - (mb_text(s) < 0.85 ? mb_text(s) : 0.85))
stats $data using (mb_need(valid(4) ? $4 : $2, strcol(5))) nooutput
mb_high = STATS_max > 1.1 ? STATS_max : 1.1
set lmargin mb_label_chars * 0.87 + 2
set rmargin 3
set tmargin 0.6
set bmargin 4.8
set yrange [mb_rows - 0.4 : -0.6]
set ytics scale 0
set xrange [0 : mb_high]
set xlabel "decode rate, times the baseline's" offset -18, 0
set grid xtics ls 10
set arrow from 1, graph 0 to 1, graph 1 nohead lw 1.2 dt (6,4) lc rgb "#80868B"
plot $data using ($2 / 2):0:(0):2:($0 - mb_bar):($0 + mb_bar):ytic(1) with boxxyerror lt 3, \
     $data using 2:0:3:4 with xerrorbars lt -1 lw 1.2 ps 0, \
     $data using (valid(4) ? $4 : $2):0:(sprintf("%.2fx  %s", $2, strcol(5))) with labels left offset 0.6, 0 font ",12"
