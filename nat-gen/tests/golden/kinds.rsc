# nat-gen: 7 ports of cluster cloud-at-home (ng-cloud-at-home-2947e90f22a4)
# Look first:  /import file-name=nat.rsc verbose=yes dry-run
# Importing it again changes nothing. It owns the chains ng-cloud-at-home-* and the jumps to them, nothing else.
# FastTrack translates too; connections that are open now keep their former target until they close.
{
  :local ngUndo [/system scheduler find where name="ng-cloud-at-home-undo"]
  :local ngGate6 "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-6\$"
  :local ngMine6 "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-6\$"
  :local ngJump6 [/ipv6 firewall filter find where chain="forward" and action=jump and jump-target~$ngGate6]
  :local ngOld6 ""
  :if ([:len $ngJump6] > 0) do={:set ngOld6 [/ipv6 firewall filter get [:pick $ngJump6 0] jump-target]}
  :local ngGateF "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-f\$"
  :local ngMineF "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-f\$"
  :local ngJumpF [/ip firewall filter find where chain="forward" and action=jump and jump-target~$ngGateF]
  :local ngOldF ""
  :if ([:len $ngJumpF] > 0) do={:set ngOldF [/ip firewall filter get [:pick $ngJumpF 0] jump-target]}
  :local ngGateS "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-s\$"
  :local ngMineS "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-s\$"
  :local ngJumpS [/ip firewall nat find where chain="srcnat" and action=jump and jump-target~$ngGateS]
  :local ngOldS ""
  :if ([:len $ngJumpS] > 0) do={:set ngOldS [/ip firewall nat get [:pick $ngJumpS 0] jump-target]}
  :local ngGateD "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-d\$"
  :local ngMineD "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[dp]\$"
  :local ngJumpD [/ip firewall nat find where chain="dstnat" and action=jump and jump-target~$ngGateD]
  :local ngOldD ""
  :if ([:len $ngJumpD] > 0) do={:set ngOldD [/ip firewall nat get [:pick $ngJumpD 0] jump-target]}
  :if (($ngOld6 = "ng-cloud-at-home-2947e90f22a4-6") && (([:len [/ipv6 firewall filter find where chain="ng-cloud-at-home-2947e90f22a4-6"]] != 1))) do={:error "nat-gen: rules in its chains were added or removed by hand; import the removal script, then this one"}
  :if (($ngOldF = "ng-cloud-at-home-2947e90f22a4-f") && (([:len [/ip firewall filter find where chain="ng-cloud-at-home-2947e90f22a4-f"]] != 4))) do={:error "nat-gen: rules in its chains were added or removed by hand; import the removal script, then this one"}
  :if (($ngOldS = "ng-cloud-at-home-2947e90f22a4-s") && (([:len [/ip firewall nat find where chain="ng-cloud-at-home-2947e90f22a4-s"]] != 3))) do={:error "nat-gen: rules in its chains were added or removed by hand; import the removal script, then this one"}
  :if (($ngOldD = "ng-cloud-at-home-2947e90f22a4-d") && (([:len [/ip firewall nat find where chain="ng-cloud-at-home-2947e90f22a4-d"]] != 5) || ([:len [/ip firewall nat find where chain="ng-cloud-at-home-2947e90f22a4-p"]] != 5))) do={:error "nat-gen: rules in its chains were added or removed by hand; import the removal script, then this one"}
  :local ngSame (($ngOld6 = "ng-cloud-at-home-2947e90f22a4-6") && ($ngOldF = "ng-cloud-at-home-2947e90f22a4-f") && ($ngOldS = "ng-cloud-at-home-2947e90f22a4-s") && ($ngOldD = "ng-cloud-at-home-2947e90f22a4-d"))
  :if (([:len $ngUndo] > 0) && ($ngSame = false)) do={:error "nat-gen: an earlier change waits to be confirmed or undone; nothing was changed"}
  :do {
    :if (([:len [/ipv6 firewall filter find where chain="ng-cloud-at-home-2947e90f22a4-6"]] != 1)) do={
      /ipv6 firewall filter remove [/ipv6 firewall filter find where chain="ng-cloud-at-home-2947e90f22a4-6"]
      /ipv6 firewall filter add chain="ng-cloud-at-home-2947e90f22a4-6" action="accept" in-interface="ether1" protocol="tcp" src-address="2001:db8:99::/48" dst-address="2001:db8:11::50/128" dst-port="443" comment="nat-gen: six"
    }
    :if (([:len [/ip firewall filter find where chain="ng-cloud-at-home-2947e90f22a4-f"]] != 4)) do={
      /ip firewall filter remove [/ip firewall filter find where chain="ng-cloud-at-home-2947e90f22a4-f"]
      /ip firewall filter add chain="ng-cloud-at-home-2947e90f22a4-f" action="accept" protocol="tcp" dst-address="192.168.11.50" dst-port="80" comment="nat-gen: alt, http"
      /ip firewall filter add chain="ng-cloud-at-home-2947e90f22a4-f" action="accept" protocol="tcp" src-address="192.168.11.20" dst-address="192.168.11.50" dst-port="8443" comment="nat-gen: few"
      /ip firewall filter add chain="ng-cloud-at-home-2947e90f22a4-f" action="accept" protocol="tcp" src-address="203.0.113.0/24" dst-address="192.168.11.50" dst-port="8443" comment="nat-gen: few"
      /ip firewall filter add chain="ng-cloud-at-home-2947e90f22a4-f" action="accept" protocol="udp" dst-address="192.168.11.51" dst-port="53,27015-27016" comment="nat-gen: dns, game, game-next"
    }
    :if (([:len [/ip firewall nat find where chain="ng-cloud-at-home-2947e90f22a4-s"]] != 3)) do={
      /ip firewall nat remove [/ip firewall nat find where chain="ng-cloud-at-home-2947e90f22a4-s"]
      /ip firewall nat add chain="ng-cloud-at-home-2947e90f22a4-s" action="masquerade" out-interface="bridge" protocol="tcp" src-address="192.168.11.0/24" dst-address="192.168.11.50" dst-port="80" comment="nat-gen: alt, http"
      /ip firewall nat add chain="ng-cloud-at-home-2947e90f22a4-s" action="masquerade" out-interface="bridge" protocol="tcp" src-address="192.168.11.20" dst-address="192.168.11.50" dst-port="8443" comment="nat-gen: few"
      /ip firewall nat add chain="ng-cloud-at-home-2947e90f22a4-s" action="masquerade" out-interface="bridge" protocol="udp" src-address="192.168.11.0/24" dst-address="192.168.11.51" dst-port="53,27015-27016" comment="nat-gen: dns, game, game-next"
    }
    :if (([:len [/ip firewall nat find where chain="ng-cloud-at-home-2947e90f22a4-d"]] != 5) || ([:len [/ip firewall nat find where chain="ng-cloud-at-home-2947e90f22a4-p"]] != 5)) do={
      /ip firewall nat remove [/ip firewall nat find where chain="ng-cloud-at-home-2947e90f22a4-d" or chain="ng-cloud-at-home-2947e90f22a4-p"]
      /ip firewall nat add chain="ng-cloud-at-home-2947e90f22a4-d" action="return" dst-address="192.168.11.1" comment="nat-gen: the router's own services stay its own"
      /ip firewall nat add chain="ng-cloud-at-home-2947e90f22a4-d" action="return" dst-address="10.8.0.1" comment="nat-gen: the router's own services stay its own"
      /ip firewall nat add chain="ng-cloud-at-home-2947e90f22a4-d" action="return" dst-address="192.168.88.1" comment="nat-gen: the router's own services stay its own"
      /ip firewall nat add chain="ng-cloud-at-home-2947e90f22a4-d" action="jump" jump-target="ng-cloud-at-home-2947e90f22a4-p" in-interface="ether1" dst-address-type="local" comment="nat-gen: from the internet"
      /ip firewall nat add chain="ng-cloud-at-home-2947e90f22a4-d" action="jump" jump-target="ng-cloud-at-home-2947e90f22a4-p" in-interface="bridge" dst-address-type="local" comment="nat-gen: from the local network (hairpin)"
      /ip firewall nat add chain="ng-cloud-at-home-2947e90f22a4-p" action="dst-nat" dst-address-type="local" protocol="tcp" dst-port="80" to-addresses="192.168.11.50" comment="nat-gen: http"
      /ip firewall nat add chain="ng-cloud-at-home-2947e90f22a4-p" action="dst-nat" dst-address-type="local" protocol="tcp" dst-port="8080" to-addresses="192.168.11.50" to-ports="80" comment="nat-gen: alt"
      /ip firewall nat add chain="ng-cloud-at-home-2947e90f22a4-p" action="dst-nat" dst-address-type="local" protocol="tcp" src-address="192.168.11.20" dst-port="8443" to-addresses="192.168.11.50" comment="nat-gen: few"
      /ip firewall nat add chain="ng-cloud-at-home-2947e90f22a4-p" action="dst-nat" dst-address-type="local" protocol="tcp" src-address="203.0.113.0/24" dst-port="8443" to-addresses="192.168.11.50" comment="nat-gen: few"
      /ip firewall nat add chain="ng-cloud-at-home-2947e90f22a4-p" action="dst-nat" dst-address-type="local" protocol="udp" dst-port="53,27015-27016" to-addresses="192.168.11.51" comment="nat-gen: dns, game, game-next"
    }
    :local ngRules6 [/ipv6 firewall filter find where chain="forward" and dynamic=no]
    :if ([:len $ngJump6] = 0) do={
      :if ([:len $ngRules6] = 0) do={/ipv6 firewall filter add chain="forward" action="jump" jump-target="ng-cloud-at-home-2947e90f22a4-6" comment="nat-gen: made and removed by its scripts"} else={/ipv6 firewall filter add chain="forward" action="jump" jump-target="ng-cloud-at-home-2947e90f22a4-6" comment="nat-gen: made and removed by its scripts" place-before=[:pick $ngRules6 0]}
    }
    :if ([:len $ngJump6] > 0) do={/ipv6 firewall filter set [/ipv6 firewall filter find where chain="forward" and action=jump and jump-target~$ngGate6 and jump-target!="ng-cloud-at-home-2947e90f22a4-6"] jump-target="ng-cloud-at-home-2947e90f22a4-6"}
    :local ngRulesF [/ip firewall filter find where chain="forward" and dynamic=no]
    :if ([:len $ngJumpF] = 0) do={
      :if ([:len $ngRulesF] = 0) do={/ip firewall filter add chain="forward" action="jump" jump-target="ng-cloud-at-home-2947e90f22a4-f" connection-nat-state="dstnat" comment="nat-gen: made and removed by its scripts"} else={/ip firewall filter add chain="forward" action="jump" jump-target="ng-cloud-at-home-2947e90f22a4-f" connection-nat-state="dstnat" comment="nat-gen: made and removed by its scripts" place-before=[:pick $ngRulesF 0]}
    }
    :if ([:len $ngJumpF] > 0) do={/ip firewall filter set [/ip firewall filter find where chain="forward" and action=jump and jump-target~$ngGateF and jump-target!="ng-cloud-at-home-2947e90f22a4-f"] jump-target="ng-cloud-at-home-2947e90f22a4-f"}
    :if ([:len $ngJumpS] = 0) do={/ip firewall nat add chain="srcnat" action="jump" jump-target="ng-cloud-at-home-2947e90f22a4-s" comment="nat-gen: made and removed by its scripts"}
    :if ([:len $ngJumpS] > 0) do={/ip firewall nat set [/ip firewall nat find where chain="srcnat" and action=jump and jump-target~$ngGateS and jump-target!="ng-cloud-at-home-2947e90f22a4-s"] jump-target="ng-cloud-at-home-2947e90f22a4-s"}
    :if ([:len $ngJumpD] = 0) do={/ip firewall nat add chain="dstnat" action="jump" jump-target="ng-cloud-at-home-2947e90f22a4-d" dst-address-type="local" comment="nat-gen: made and removed by its scripts"}
    :if ([:len $ngJumpD] > 0) do={/ip firewall nat set [/ip firewall nat find where chain="dstnat" and action=jump and jump-target~$ngGateD and jump-target!="ng-cloud-at-home-2947e90f22a4-d"] jump-target="ng-cloud-at-home-2947e90f22a4-d"}
  } on-error={
    :do {:if ($ngOldD = "") do={/ip firewall nat remove [/ip firewall nat find where chain="dstnat" and action=jump and jump-target~$ngGateD]} else={/ip firewall nat set $ngJumpD jump-target=$ngOldD}} on-error={}
    :do {:if ($ngOldD != "ng-cloud-at-home-2947e90f22a4-d") do={/ip firewall nat remove [/ip firewall nat find where chain="ng-cloud-at-home-2947e90f22a4-d" or chain="ng-cloud-at-home-2947e90f22a4-p"]}} on-error={}
    :do {:if ($ngOldS = "") do={/ip firewall nat remove [/ip firewall nat find where chain="srcnat" and action=jump and jump-target~$ngGateS]} else={/ip firewall nat set $ngJumpS jump-target=$ngOldS}} on-error={}
    :do {:if ($ngOldS != "ng-cloud-at-home-2947e90f22a4-s") do={/ip firewall nat remove [/ip firewall nat find where chain="ng-cloud-at-home-2947e90f22a4-s"]}} on-error={}
    :do {:if ($ngOldF = "") do={/ip firewall filter remove [/ip firewall filter find where chain="forward" and action=jump and jump-target~$ngGateF]} else={/ip firewall filter set $ngJumpF jump-target=$ngOldF}} on-error={}
    :do {:if ($ngOldF != "ng-cloud-at-home-2947e90f22a4-f") do={/ip firewall filter remove [/ip firewall filter find where chain="ng-cloud-at-home-2947e90f22a4-f"]}} on-error={}
    :do {:if ($ngOld6 = "") do={/ipv6 firewall filter remove [/ipv6 firewall filter find where chain="forward" and action=jump and jump-target~$ngGate6]} else={/ipv6 firewall filter set $ngJump6 jump-target=$ngOld6}} on-error={}
    :do {:if ($ngOld6 != "ng-cloud-at-home-2947e90f22a4-6") do={/ipv6 firewall filter remove [/ipv6 firewall filter find where chain="ng-cloud-at-home-2947e90f22a4-6"]}} on-error={}
    :error "nat-gen: the import failed; what was in force before is in force"
  }
  :if (($ngOldD != "") && ($ngSame = false)) do={:do {
    :foreach ngRule in=[/ip firewall nat find where chain~$ngMineD and chain!="ng-cloud-at-home-2947e90f22a4-p" and action=dst-nat and protocol="udp"] do={
      :local ngFormer ("^" . [/ip firewall nat get $ngRule to-addresses] . "(:|\$)")
      /ip firewall connection remove [/ip firewall connection find where protocol="udp" and dstnat=yes and reply-src-address~$ngFormer and dst-address~":53\$" and !(reply-src-address~"^192\\.168\\.11\\.51:53\$")]
      /ip firewall connection remove [/ip firewall connection find where protocol="udp" and dstnat=yes and reply-src-address~$ngFormer and dst-port=53 and !(reply-src-address="192.168.11.51" and reply-src-port=53)]
      /ip firewall connection remove [/ip firewall connection find where protocol="udp" and dstnat=yes and reply-src-address~$ngFormer and dst-address~":27015\$" and !(reply-src-address~"^192\\.168\\.11\\.51:27015\$")]
      /ip firewall connection remove [/ip firewall connection find where protocol="udp" and dstnat=yes and reply-src-address~$ngFormer and dst-port=27015 and !(reply-src-address="192.168.11.51" and reply-src-port=27015)]
      /ip firewall connection remove [/ip firewall connection find where protocol="udp" and dstnat=yes and reply-src-address~$ngFormer and dst-address~":27016\$" and !(reply-src-address~"^192\\.168\\.11\\.51:27016\$")]
      /ip firewall connection remove [/ip firewall connection find where protocol="udp" and dstnat=yes and reply-src-address~$ngFormer and dst-port=27016 and !(reply-src-address="192.168.11.51" and reply-src-port=27016)]
    }
  } on-error={:log warning "nat-gen: not all UDP connections to former targets could be removed; they end within three minutes of silence"}}
  :do {
    /system scheduler remove [/system scheduler find where name="ng-cloud-at-home-undo"]
    /ipv6 firewall filter remove [/ipv6 firewall filter find where chain~$ngMine6 and chain!="ng-cloud-at-home-2947e90f22a4-6"]
    /ip firewall filter remove [/ip firewall filter find where chain~$ngMineF and chain!="ng-cloud-at-home-2947e90f22a4-f"]
    /ip firewall nat remove [/ip firewall nat find where chain~$ngMineS and chain!="ng-cloud-at-home-2947e90f22a4-s"]
    /ip firewall nat remove [/ip firewall nat find where chain~$ngMineD and chain!="ng-cloud-at-home-2947e90f22a4-d" and chain!="ng-cloud-at-home-2947e90f22a4-p"]
  } on-error={:log warning "nat-gen: the new rules are in force, but not all old ones could be removed; import again"; :error "nat-gen: the new rules are in force, but not all old ones could be removed; import again"}
  :put "nat-gen: 7 ports are forwarded by ng-cloud-at-home-2947e90f22a4"
}
