# columns: series, ms, share, n; rows of a series in rising order
set terminal svg size mb_width, 400 + 20 * |mb_series| noenhanced font "sans-serif,13" name "ttft"
set key outside below left Left reverse maxcols 1 samplen 2
set bmargin 6 + 1.25 * |mb_series|
set rmargin 4
set logscale x
set xlabel "time to first token (ms, logarithmic)"
set ylabel "share of requests"
set yrange [0 : 1.02]
set grid xtics ytics ls 10
plot for [i = 1:|mb_series|] $data using (strcol(1) eq mb_series[i] ? $2 : NaN):3 with steps lt i title mb_series[i]
