# Shared by all figures. Given by the program: $data, mb_rows, mb_label_chars, mb_series[], mb_foot.
# Colours: Okabe & Ito 2008, distinct for colour-blind eyes on white and on dark ground. Text is black; the page turns it to its own colour.
set encoding utf8
set datafile separator "\t"
set datafile missing "?"
mb_width = 900
set linetype 1 lc rgb "#0072B2" lw 2 pt 7
set linetype 2 lc rgb "#D55E00" lw 2 pt 5
set linetype 3 lc rgb "#009E73" lw 2 pt 9
set linetype 4 lc rgb "#CC79A7" lw 2 pt 11
set linetype 5 lc rgb "#56B4E9" lw 2 pt 13
set linetype 6 lc rgb "#E69F00" lw 2 pt 6
set linetype 7 lc rgb "#7F7F7F" lw 2 pt 4
set linetype 8 lc rgb "#8C6BB1" lw 2 pt 8
set linetype cycle 8
set style line 10 lc rgb "#9AA0A6" lw 0.7 dt (2,4)
set style fill solid 0.85 noborder
set border 3 lw 0.8
set tics nomirror out scale 0.6
set key noautotitle
set label 1 mb_foot at screen 0.008, screen 0 offset 0, character 0.75 font ",11" tc rgb "#80868B"
mb_bar = 0.34
mb_number(x) = x < 1 ? sprintf("%.3f", x) : x < 10 ? sprintf("%.2f", x) : x < 1000 ? sprintf("%.1f", x) : sprintf("%.0f", x)
# Figures of bars: one row each, names at the left, height by rows.
mb_bar_height(rows) = 98 + 26 * rows
