# Sourced by scripts/plan-cluster and scripts/rollout: where a tool's relative secret files are.
# shellcheck shell=bash

# secrets_folder TOOL DOCUMENT OUT: where the tool's first secret file is in the current folder, that one; otherwise the folder
# that scripts/plan-cluster makes secrets in. What is nowhere is wanted in the current folder, but for K3s's tokens, which are made.
secrets_folder() {
  local first
  case $1 in
    pi-wifi) first=$(jq -r '[.wifi.networks // [] | .[] | .psk_file, .psk_hex_file | strings] | first // ""' "$2") ;;
    *) first=$(jq -r '.k3s.token_file // "k3s.token"' "$2") ;;
  esac
  if [ -n "$first" ] && [ -e "$first" ]; then
    echo .
  elif [ "$1" = k3s-join ] || [ -e "$3/secrets/$first" ]; then
    echo "$3/secrets"
  else
    echo .
  fi
}
