# nat-gen: 2 ports of cluster cloud-at-home (ng-cloud-at-home-26a629559621)
# Look first:  /import file-name=nat.rsc verbose=yes dry-run
# Importing it again changes nothing. It owns the chains ng-cloud-at-home-* and the jumps to them, nothing else.
# FastTrack translates too; connections that are open now keep their former target until they close.
# Undone after 120 s unless confirmed:  /system scheduler remove [find name="ng-cloud-at-home-undo"]
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
  :if (($ngOldS = "ng-cloud-at-home-26a629559621-s") && (([:len [/ip firewall nat find where chain="ng-cloud-at-home-26a629559621-s"]] != 1))) do={:error "nat-gen: rules in its chains were added or removed by hand; import the removal script, then this one"}
  :if (($ngOldD = "ng-cloud-at-home-26a629559621-d") && (([:len [/ip firewall nat find where chain="ng-cloud-at-home-26a629559621-d"]] != 3) || ([:len [/ip firewall nat find where chain="ng-cloud-at-home-26a629559621-p"]] != 1))) do={:error "nat-gen: rules in its chains were added or removed by hand; import the removal script, then this one"}
  :local ngSame ((($ngOld6 = "") || ($ngOld6 = "ng-cloud-at-home-26a629559621-6")) && (($ngOldF = "") || ($ngOldF = "ng-cloud-at-home-26a629559621-f")) && ($ngOldS = "ng-cloud-at-home-26a629559621-s") && ($ngOldD = "ng-cloud-at-home-26a629559621-d"))
  :if (([:len $ngUndo] > 0) && ($ngSame = false)) do={:error "nat-gen: an earlier change waits to be confirmed or undone; nothing was changed"}
  :do {
    :if (([:len [/ip firewall nat find where chain="ng-cloud-at-home-26a629559621-s"]] != 1)) do={
      /ip firewall nat remove [/ip firewall nat find where chain="ng-cloud-at-home-26a629559621-s"]
      /ip firewall nat add chain="ng-cloud-at-home-26a629559621-s" action="masquerade" out-interface-list="LAN" protocol="tcp" src-address="192.168.11.0/24" dst-address="192.168.11.50" dst-port="80,443" comment="nat-gen: http, https"
    }
    :if (([:len [/ip firewall nat find where chain="ng-cloud-at-home-26a629559621-d"]] != 3) || ([:len [/ip firewall nat find where chain="ng-cloud-at-home-26a629559621-p"]] != 1)) do={
      /ip firewall nat remove [/ip firewall nat find where chain="ng-cloud-at-home-26a629559621-d" or chain="ng-cloud-at-home-26a629559621-p"]
      /ip firewall nat add chain="ng-cloud-at-home-26a629559621-d" action="return" dst-address="192.168.11.1" comment="nat-gen: the router's own services stay its own"
      /ip firewall nat add chain="ng-cloud-at-home-26a629559621-d" action="jump" jump-target="ng-cloud-at-home-26a629559621-p" in-interface-list="WAN" dst-address-type="local" comment="nat-gen: from the internet"
      /ip firewall nat add chain="ng-cloud-at-home-26a629559621-d" action="jump" jump-target="ng-cloud-at-home-26a629559621-p" in-interface-list="LAN" dst-address-type="local" comment="nat-gen: from the local network (hairpin)"
      /ip firewall nat add chain="ng-cloud-at-home-26a629559621-p" action="dst-nat" dst-address-type="local" protocol="tcp" dst-port="80,443" to-addresses="192.168.11.50" comment="nat-gen: http, https"
    }
    :if ($ngSame = false) do={/system scheduler add name="ng-cloud-at-home-undo" interval=120s policy=read,write comment="nat-gen: undoes the last import; remove to confirm it" on-event=":local ngGateD \"^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-d\\\$\"; :do {:if (\"$ngOldD\" = \"\") do={/ip firewall nat remove [/ip firewall nat find where chain=\"dstnat\" and action=jump and jump-target~\$ngGateD]} else={/ip firewall nat set [/ip firewall nat find where chain=\"dstnat\" and action=jump and jump-target~\$ngGateD] jump-target=\"$ngOldD\"}} on-error={}; :do {:if (\"$ngOldD\" != \"ng-cloud-at-home-26a629559621-d\") do={/ip firewall nat remove [/ip firewall nat find where chain=\"ng-cloud-at-home-26a629559621-d\" or chain=\"ng-cloud-at-home-26a629559621-p\"]}} on-error={}; :local ngGateS \"^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-s\\\$\"; :do {:if (\"$ngOldS\" = \"\") do={/ip firewall nat remove [/ip firewall nat find where chain=\"srcnat\" and action=jump and jump-target~\$ngGateS]} else={/ip firewall nat set [/ip firewall nat find where chain=\"srcnat\" and action=jump and jump-target~\$ngGateS] jump-target=\"$ngOldS\"}} on-error={}; :do {:if (\"$ngOldS\" != \"ng-cloud-at-home-26a629559621-s\") do={/ip firewall nat remove [/ip firewall nat find where chain=\"ng-cloud-at-home-26a629559621-s\"]}} on-error={}; :local ngGateF \"^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-f\\\$\"; :do {:if (\"$ngOldF\" = \"\") do={/ip firewall filter remove [/ip firewall filter find where chain=\"forward\" and action=jump and jump-target~\$ngGateF]} else={/ip firewall filter set [/ip firewall filter find where chain=\"forward\" and action=jump and jump-target~\$ngGateF] jump-target=\"$ngOldF\"}} on-error={}; :do {:if (\"$ngOldF\" != \"ng-cloud-at-home-26a629559621-f\") do={/ip firewall filter remove [/ip firewall filter find where chain=\"ng-cloud-at-home-26a629559621-f\"]}} on-error={}; :local ngGate6 \"^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-6\\\$\"; :do {:if (\"$ngOld6\" = \"\") do={/ipv6 firewall filter remove [/ipv6 firewall filter find where chain=\"forward\" and action=jump and jump-target~\$ngGate6]} else={/ipv6 firewall filter set [/ipv6 firewall filter find where chain=\"forward\" and action=jump and jump-target~\$ngGate6] jump-target=\"$ngOld6\"}} on-error={}; :do {:if (\"$ngOld6\" != \"ng-cloud-at-home-26a629559621-6\") do={/ipv6 firewall filter remove [/ipv6 firewall filter find where chain=\"ng-cloud-at-home-26a629559621-6\"]}} on-error={}; /system scheduler remove [/system scheduler find where name=\"ng-cloud-at-home-undo\"]; :log warning \"nat-gen: nobody confirmed the last import; it is undone\""}
    :if ([:len $ngJump6] > 0) do={/ipv6 firewall filter set [/ipv6 firewall filter find where chain="forward" and action=jump and jump-target~$ngGate6 and jump-target!="ng-cloud-at-home-26a629559621-6"] jump-target="ng-cloud-at-home-26a629559621-6"}
    :if ([:len $ngJumpF] > 0) do={/ip firewall filter set [/ip firewall filter find where chain="forward" and action=jump and jump-target~$ngGateF and jump-target!="ng-cloud-at-home-26a629559621-f"] jump-target="ng-cloud-at-home-26a629559621-f"}
    :if ([:len $ngJumpS] = 0) do={/ip firewall nat add chain="srcnat" action="jump" jump-target="ng-cloud-at-home-26a629559621-s" comment="nat-gen: made and removed by its scripts"}
    :if ([:len $ngJumpS] > 0) do={/ip firewall nat set [/ip firewall nat find where chain="srcnat" and action=jump and jump-target~$ngGateS and jump-target!="ng-cloud-at-home-26a629559621-s"] jump-target="ng-cloud-at-home-26a629559621-s"}
    :if ([:len $ngJumpD] = 0) do={/ip firewall nat add chain="dstnat" action="jump" jump-target="ng-cloud-at-home-26a629559621-d" dst-address-type="local" comment="nat-gen: made and removed by its scripts"}
    :if ([:len $ngJumpD] > 0) do={/ip firewall nat set [/ip firewall nat find where chain="dstnat" and action=jump and jump-target~$ngGateD and jump-target!="ng-cloud-at-home-26a629559621-d"] jump-target="ng-cloud-at-home-26a629559621-d"}
  } on-error={
    :do {:if ($ngOldD = "") do={/ip firewall nat remove [/ip firewall nat find where chain="dstnat" and action=jump and jump-target~$ngGateD]} else={/ip firewall nat set $ngJumpD jump-target=$ngOldD}} on-error={}
    :do {:if ($ngOldD != "ng-cloud-at-home-26a629559621-d") do={/ip firewall nat remove [/ip firewall nat find where chain="ng-cloud-at-home-26a629559621-d" or chain="ng-cloud-at-home-26a629559621-p"]}} on-error={}
    :do {:if ($ngOldS = "") do={/ip firewall nat remove [/ip firewall nat find where chain="srcnat" and action=jump and jump-target~$ngGateS]} else={/ip firewall nat set $ngJumpS jump-target=$ngOldS}} on-error={}
    :do {:if ($ngOldS != "ng-cloud-at-home-26a629559621-s") do={/ip firewall nat remove [/ip firewall nat find where chain="ng-cloud-at-home-26a629559621-s"]}} on-error={}
    :do {:if ($ngOldF = "") do={/ip firewall filter remove [/ip firewall filter find where chain="forward" and action=jump and jump-target~$ngGateF]} else={/ip firewall filter set $ngJumpF jump-target=$ngOldF}} on-error={}
    :do {:if ($ngOld6 = "") do={/ipv6 firewall filter remove [/ipv6 firewall filter find where chain="forward" and action=jump and jump-target~$ngGate6]} else={/ipv6 firewall filter set $ngJump6 jump-target=$ngOld6}} on-error={}
    :do {:if ($ngSame = false) do={/system scheduler remove [/system scheduler find where name="ng-cloud-at-home-undo"]}} on-error={}
    :error "nat-gen: the import failed; what was in force before is in force"
  }
  :if (($ngSame = true) && ([:len $ngUndo] = 0)) do={:do {
    /ipv6 firewall filter remove [/ipv6 firewall filter find where chain="forward" and action=jump and jump-target~$ngGate6]
    /ipv6 firewall filter remove [/ipv6 firewall filter find where chain~$ngMine6]
    /ip firewall filter remove [/ip firewall filter find where chain="forward" and action=jump and jump-target~$ngGateF]
    /ip firewall filter remove [/ip firewall filter find where chain~$ngMineF]
    /ip firewall nat remove [/ip firewall nat find where chain~$ngMineS and chain!="ng-cloud-at-home-26a629559621-s"]
    /ip firewall nat remove [/ip firewall nat find where chain~$ngMineD and chain!="ng-cloud-at-home-26a629559621-d" and chain!="ng-cloud-at-home-26a629559621-p"]
  } on-error={:log warning "nat-gen: the new rules are in force, but not all old ones could be removed; import again"; :error "nat-gen: the new rules are in force, but not all old ones could be removed; import again"}}
  :put "nat-gen: 2 ports are forwarded by ng-cloud-at-home-26a629559621; a change is undone after 120 s unless you remove the scheduler's entry ng-cloud-at-home-undo"
}
