/** How the pages look, on light and dark screens and on paper. */
export const STYLE = `
:root{--ground:#fff;--ink:#1f2328;--dim:#59636e;--edge:#d1d9e0;--box:#f6f8fa;--good:#1a7f37;--bad:#cf222e;--open:#9a6700;--link:#0969da}
@media (prefers-color-scheme:dark){:root{--ground:#0d1117;--ink:#e6edf3;--dim:#a2abb6;--edge:#3d444d;--box:#161b22;--good:#3fb950;--bad:#ff7b72;--open:#d29922;--link:#58a6ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{margin:0;font-size:1.9rem;overflow-wrap:anywhere}
h2{margin:2rem 0 .6rem;padding-bottom:.3rem;border-bottom:1px solid var(--edge);font-size:1.2rem}
a{color:var(--link)}
p{margin:.3rem 0}
.dim{color:var(--dim)}
.good>p .sign,.good>p .word,.good summary .sign,.good summary .word,td.good,p.good{color:var(--good)}
.bad>p .sign,.bad>p .word,.bad summary .sign,.bad summary .word,td.bad,p.bad,.error>.word{color:var(--bad)}
.open>p .sign,.open>p .word,.open summary .sign,.open summary .word,td.open,p.open,.warn>.word{color:var(--open)}
.verdict{font-size:1.2rem;font-weight:600;overflow-wrap:anywhere}
.sign{display:inline-block;width:1.1em;text-align:center;font-weight:700}
.word{font-weight:600}
.worth{float:right;color:var(--dim);font-variant-numeric:tabular-nums;font-weight:400}
.bar{height:.5rem;margin:.6rem 0;border-radius:.25rem;background:var(--edge);overflow:hidden}
.bar>div{height:100%}
.bar>.good{background:var(--good)}
.bar>.bad{background:var(--bad)}
ul{margin:0;padding:0;list-style:none}
.notes li{margin:.3rem 0;overflow-wrap:anywhere}
.probes>li{margin:.5rem 0;padding:.5rem .75rem;border:1px solid var(--edge);border-left-width:4px;border-radius:.4rem}
.probes>li.good{border-left-color:var(--good)}
.probes>li.bad{border-left-color:var(--bad)}
.probes>li.open{border-left-color:var(--open)}
.probes p{margin:0}
summary{cursor:pointer}
dl{clear:both;display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.4rem .9rem;margin:.6rem 0 .2rem}
dt{color:var(--dim)}
dd{margin:0;overflow-wrap:anywhere}
code,pre{font:.86rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{margin:0;padding:.35rem .6rem;border-radius:.3rem;background:var(--box);white-space:pre-wrap;overflow-wrap:anywhere}
figure{margin:0;overflow-x:auto}
figure svg{display:block;max-width:100%;height:auto}
@media (max-width:45rem){figure svg{max-width:none}}
figcaption{margin-top:.4rem;color:var(--dim);font-size:.9rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{padding:.4rem .7rem;border-bottom:1px solid var(--edge);text-align:left;vertical-align:top;overflow-wrap:anywhere}
thead th{color:var(--dim);font-weight:600;overflow-wrap:normal}
.number{font-variant-numeric:tabular-nums;white-space:nowrap}
@media print{.probes>li{break-inside:avoid}}
`
