# columns: kind, series, x0_s, x1_s, y, n. kind: span (y = lane), curve, note (for the caption).
# A series begins with its panel: 0 spans, 1 memory, 2 power, 3 frequency, 4 temperature.
array mb_axis[4] = ["MiB", "W", "GHz", "°C"]
array mb_of[4] = ["", "", "", ""]
mb_panels = 0
do for [i = 1:|mb_series|] { do for [p = 1:4] { if (mb_series[i][1:1] eq sprintf("%d", p)) { mb_of[p] = mb_of[p] . sprintf(" %d", i) } } }
do for [p = 1:4] { if (mb_of[p] ne "") { mb_panels = mb_panels + 1; mb_last = p } }
mb_spans = 130.0
mb_panel = 165.0
mb_total = mb_spans + mb_panel * mb_panels + 78
set terminal svg size mb_width, mb_total noenhanced font "sans-serif,13" name "timeline"
set multiplot
set lmargin 10
set rmargin 30
set key at graph 1.02, graph 1 left top Left reverse samplen 1.5
stats $data using (strcol(1) eq "note" ? NaN : $3) name "A" nooutput
stats $data using (strcol(1) eq "note" ? NaN : $4) name "B" nooutput
set xrange [A_min - 0.01 * (B_max - A_min) : B_max + 0.01 * (B_max - A_min)]
set grid xtics ls 10
mb_top = mb_total - mb_spans
set size 1, mb_spans / mb_total
set origin 0, mb_top / mb_total
set tmargin 0.5
set bmargin 0.6
set format x ""
if (mb_panels == 0) { set format x "%g"; set bmargin 4.8; set origin 0, 0; set size 1, 1; set xlabel "time since the repetition began (s)" }
set yrange [0.3 : 4.7]
set ytics ("decode" 1, "prefill" 2, "tokenize" 3, "load" 4) scale 0
plot $data using (strcol(1) eq "span" ? ($3 + $4) / 2 : NaN):5:3:4:($5 - 0.36):($5 + 0.36):5 with boxxyerror lc variable
unset label 1
set yrange [0 : *]
set ytics auto scale 0.6
set grid ytics ls 10
set size 1, mb_panel / mb_total
do for [p = 1:4] { if (mb_of[p] ne "") {
    mb_top = mb_top - mb_panel
    set origin 0, mb_top / mb_total
    set ylabel mb_axis[p]
    if (p > 2) { set yrange [* : *] }
    if (p == mb_last) {
        set format x "%g"
        set xlabel "time since the repetition began (s)"
        set bmargin 3.6
        set size 1, (mb_panel + 50) / mb_total
        set origin 0, (mb_top - 50) / mb_total
    }
    plot for [w in mb_of[p]] $data using (strcol(2) eq mb_series[w + 0] ? $3 : NaN):5 with lines lt (w + 0) title mb_series[w + 0][3:*]
} }
unset multiplot
