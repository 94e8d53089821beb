# columns: series, ms, share, n; rows of a series in rising order
mb_height = 388 + 20 * |mb_series|
set terminal svg size mb_width, mb_height noenhanced font "sans-serif,13" name "itl"
set bmargin at screen (102.0 + 20 * |mb_series|) / mb_height
set key at screen 0.1, screen (30.0 + 20 * |mb_series|) / mb_height left top Left reverse maxcols 1 samplen 2
set rmargin 4
set tmargin 0.6
set logscale x
set format x "%g"
set xrange [0.001 < * : *] # a draft accepted with others comes within a microsecond
set xlabel "time between two tokens (ms, logarithmic)"
set ylabel "share of gaps"
set yrange [0 : 1.02]
set grid xtics ytics ls 10
plot for [i = 1:|mb_series|] $data using (strcol(1) eq mb_series[i] ? $2 : NaN):3 with steps lt i title mb_series[i]
