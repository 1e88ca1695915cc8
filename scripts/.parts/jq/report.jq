# The report: one page that needs nothing but itself, made from the planned document.
#
#   jq -r -L scripts/.parts/jq --slurpfile pictures FILE -f scripts/.parts/jq/report.jq planned.json --args TOOL…
#
# FILE holds an object for each picture: its name, and the SVG as text.
#
# Whatever comes from the document goes through `@html` strings, which escape it; pictures are the tools' own, which
# escape what is in them. The page forbids itself all scripts and every request.

include "cluster";

# Text that is safe to show: control and direction marks show as what they are, a sign that does not belong.
def plain: if type == "string" then gsub("[\\p{Cc}\\p{Cf}]"; "\ufffd") else tostring end;
def cell: @html "<td>\(plain)</td>";
def number: @html "<td class=\"n\">\(plain)</td>";
# A name that begins with # stands above numbers.
def head: "<thead><tr>" + (map(if startswith("#") then @html "<th class=\"n\">\(.[1:])</th>" else @html "<th>\(.)</th>" end) | join("")) + "</tr></thead>";
def table($names; $rows): "<div class=\"wide\"><table>" + ($names | head) + "<tbody>" + ($rows | join("\n")) + "</tbody></table></div>";
def row: "<tr>" + join("") + "</tr>";
def section($id; $title; $body): if $body == "" then "" else @html "<section id=\"\($id)\"><h2>\($title)</h2>" + $body + "</section>\n" end;
def gigabytes: if . == null then "" else "\(. / 1e7 | round / 100) GB" end;
def yes: if . then "<td class=\"yes\">✓ yes</td>" else "<td class=\"no\">✗ no</td>" end;

def verdicts($answers):
  def count($severity): [.answer.findings[]? | select(.severity == $severity)] | length;
  table(["program", "answer", "#errors", "#warnings", "#worth knowing"];
    $answers | map([(.tool | cell), (.answer.ok | yes), (count("error") | number), (count("warning") | number),
      (count("info") | number)] | row));

def finding: @html "<li class=\"\(.severity)\"><p><b>\(.severity)</b> <span class=\"who\">\(.tool): \(.subject | plain)</span> \(.message | plain)</p>"
  + (if .fix then @html "<p class=\"fix\">→ \(.fix | plain)</p>" else "" end) + "</li>";

def findings($answers):
  ($answers | map(.tool as $tool | .answer.findings[]? | . + {tool: $tool})) as $all
  | ($all | map(select(.severity != "info"))) as $first
  | ($all | map(select(.severity == "info"))) as $rest
  | (if $first == [] then "<p>Nothing speaks against it.</p>"
     else "<ul class=\"findings\">" + ($first | sort_by(.severity) | map(finding) | join("\n")) + "</ul>" end)
  + (if $rest == [] then ""
     else "<details><summary>Worth knowing: \($rest | length)</summary><ul class=\"findings\">" + ($rest | map(finding) | join("\n")) + "</ul></details>" end);

# The names of a picture's title and description, which stand once in each file, made unique in a page with many.
def named($n):
  sub("aria-labelledby=\"(?<t>[^\" ]+) (?<d>[^\" ]+)\""; "aria-labelledby=\"\(.t)-\($n) \(.d)-\($n)\"")
  | sub("<title id=\"(?<t>[^\"]+)\">"; "<title id=\"\(.t)-\($n)\">") | sub("<desc id=\"(?<d>[^\"]+)\">"; "<desc id=\"\(.d)-\($n)\">");

def pictures: to_entries | to_entries | map(.key as $n | .value | @html "<figure id=\"\(.key)\">" + (.value | named($n)) + @html "<figcaption>\(.key)</figcaption></figure>") | join("\n");

def nodes:
  (.k3s_join.order // []) as $order
  | (.nodes // []) | if . == [] then "" else
    table(["node", "board", "system", "part", "address", "disk", "sticks"];
      map(. as $node | [
        (.name | cell), (.model // "" | cell), ([.os, .os_release] | map(select(.)) | join(" ") | cell),
        ([.role, ($order | index($node.name) | if . then "joins \(. + 1)." else null end)] | map(select(.)) | join(", ") | cell),
        (.address // "" | cell), (.disk.device // "" | cell),
        ((.usb // []) | map([.device // .model, (.size_bytes | if type == "number" then gigabytes else . end)] | map(select(.)) | join(" ")) | join(", ") | cell)
      ] | row)) end;

def watts: if . == null then "" else "\(. * 10 | round / 10) W" end;

def power:
  (.poe_budget.switches // []) | if . == [] then "" else
    table(["switch", "#budget", "#demand", "#left"];
      map(((.cases // []) | min_by(.headroom_w)) as $worst | [
        (.name // .switch // "" | cell), ((.budget_w // $worst.budget_w) | watts | number),
        ((.demand_w // $worst.demand_w) | watts | number), ((.headroom_w // $worst.headroom_w) | watts | number)
      ] | row)) end;

def shed: (.poe_budget.shed_order // []) | if . == [] then "" else @html "<p>Goes dark first: \(map(plain) | join(", then "))</p>" end;

def volumes:
  (.gluster_plan.volumes // []) | if . == [] then "" else
    table(["volume", "type", "#usable", "survives for certain the loss of", "#ways in which nodes are left", "#available", "#safe, not available", "#data lost"];
      map((.survival // {}) as $s | [
        (.name | cell), ([.type, (.replica | if . then "\(.)" else null end)] | map(select(.)) | join(" ") | cell),
        (.usable_bytes | gigabytes | number),
        ($s.guaranteed_losses // {} | to_entries | map("\(.value | tostring) \(.key)") | join(" or ") | cell),
        ($s.node_sets.total // "" | number), ($s.node_sets.available // "" | number),
        ($s.node_sets.safe // "" | number), ($s.node_sets.lost // "" | number)
      ] | row)) end;

def parts:
  (.parts // []) as $parts | cost as $cost
  | if $parts == [] then "" else
    table(["part", "#pieces", "#each", "#together", "note"];
      $parts | map((.quantity // 1) as $n | [
        (.part | cell), ($n | number),
        (if .unit_cost then "\(.unit_cost.currency) \(.unit_cost.amount | cents | money)" else "" end | number),
        (if .unit_cost then "\(.unit_cost.currency) \($n * (.unit_cost.amount | cents) | money)" else "" end | number),
        (.note // "" | cell)
      ] | row))
    + @html "<p class=\"sum\">\(if $cost.sums == [] then "No prices" else $cost.sums | join(" + ") end)\(
        if $cost.free == [] then "" else "; without a price: \($cost.free | map(plain) | join(", "))" end)</p>" end;

def style: "
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --quiet: #565f6b; --line: #aab1bc; --soft: #eff1f4;
  --yes: #1a7f37; --no: #b3261e; --warn: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --paper: #16181d; --quiet: #a4acb8; --line: #5a6270;
  --soft: #262a32; --yes: #56d364; --no: #ff8a80; --warn: #e3b341; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: .5rem 0 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
header p { margin: .25rem 0 0; color: var(--quiet); } header p.verdict { font-size: 1.2rem; font-weight: 600; }
.yes { color: var(--yes); } .no, .error b { color: var(--no); } .warning b { color: var(--warn); }
header p.yes { color: var(--yes); } header p.no { color: var(--no); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; overflow-wrap: normal; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 600; font-size: .875rem; } .n { text-align: right; white-space: nowrap; }
td.yes, td.no { white-space: nowrap; font-weight: 600; } th.n { white-space: normal; } #verdicts td { white-space: nowrap; }
.findings { list-style: none; padding: 0; margin: 0; } .findings li { border-left: .25rem solid var(--line); padding: .1rem .75rem;
  margin: .6rem 0; background: var(--soft); } .findings p { margin: .35rem 0; } .findings .error { border-color: var(--no); }
.findings .warning { border-color: var(--warn); } .who { font-weight: 600; } .fix { font-family: ui-monospace, monospace; font-size: .9rem; }
summary { cursor: pointer; padding: .4rem 0; } .sum { font-weight: 600; text-align: right; }
figure { margin: 1rem 0; overflow-x: auto; } figure svg { max-width: 100%; height: auto; } figcaption, footer { color: var(--quiet); font-size: .875rem; }
footer { margin: 2rem 0 0; border-top: 1px solid var(--line); padding-top: .5rem; }
@media print { :root { color-scheme: light; --ink: #000; --paper: #fff; --quiet: #444; --line: #999; --soft: #fff; --yes: #000; --no: #000; --warn: #000; }
  body { max-width: none; padding: 0; font-size: 10pt; } li, tr, figure { break-inside: avoid; } h2 { break-after: avoid; }
  .wide, figure { overflow: visible; } details::details-content { content-visibility: visible; block-size: auto; } }
";

. as $document
| answers($ARGS.positional) as $answers
| ($answers | map(select(.answer.ok | not)) | length) as $no
| (.name // "without a name" | plain) as $name
| "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
+ "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
+ "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
+ @html "<title>Cluster \($name)</title>\n" + "<style>" + style + "</style>\n</head>\n<body>\n"
+ @html "<header><h1>Cluster \($name)</h1>\n<p>\(.nodes // [] | length) nodes</p>\n"
+ (if $no == 0 then "<p class=\"verdict yes\">✓ Every answer is yes</p>"
   else @html "<p class=\"verdict no\">✗ \($no) of \($answers | length) answers: no</p>" end)
+ "</header>\n<main>\n"
+ section("verdicts"; "Answers"; verdicts($answers))
+ section("findings"; "What was noticed"; findings($answers))
+ section("power"; "Power"; power + shed)
+ section("volumes"; "Volumes and what they survive"; volumes)
+ section("pictures"; "Pictures"; $pictures | add // {} | pictures)
+ section("nodes"; "Nodes"; nodes)
+ section("parts"; "Parts and cost"; parts)
+ "</main>\n<footer>Made by scripts/plan-cluster from planned.json, which stands beside this page.</footer>\n</body>\n</html>"
