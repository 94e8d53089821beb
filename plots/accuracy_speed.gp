# columns: series, tokens/s, accuracy, x lo, x hi, y lo, y hi, n
mb_height = 388 + 20 * |mb_series|
set terminal svg size mb_width, mb_height noenhanced font "sans-serif,13" name "accuracy_speed"
set bmargin at screen (102.0 + 20 * |mb_series|) / mb_height
set key at screen 0.1, screen (30.0 + 20 * |mb_series|) / mb_height left top Left reverse maxcols 1 samplen 1
set rmargin 4
set tmargin 0.6
set offsets graph 0.06, graph 0.06, graph 0.08, graph 0.08
set xlabel "decode rate (tokens/s)"
set ylabel "accuracy (share of right answers)"
set format y "%.2f"
set grid xtics ytics ls 10
plot for [i = 1:|mb_series|] $data using (strcol(1) eq mb_series[i] ? $2 : NaN):3:4:5:6:7 with xyerrorbars lt i lw 1.2 ps 1.1 title mb_series[i]
