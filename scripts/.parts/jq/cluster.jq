# What plan-cluster's summary and its report share. `include "cluster";` with -L scripts/.parts/jq.

# "89.90" in hundredths, and back.
def cents: split(".") | (.[0] | tonumber) * 100 + (((.[1] // "") + "00")[0:2] | tonumber);
def money: "\(. / 100 | floor).\(. % 100 | if . < 10 then "0\(.)" else "\(.)" end)";

# The document's parts: what they cost in each currency, and those without a price.
def cost:
  (.parts // []) as $parts
  | {
      sums: ($parts | map(select(.unit_cost)) | group_by(.unit_cost.currency)
        | map("\(.[0].unit_cost.currency) \(map((.quantity // 1) * (.unit_cost.amount | cents)) | add | money)")),
      free: ($parts | map(select(.unit_cost | not) | "\(.quantity // 1) x \(.part)"))
    };

# The tools' answers in their order.
def answers($tools): . as $document | [$tools[] | {tool: ., answer: $document[gsub("-"; "_")]} | select(.answer)];
