# nat-gen: removes whatever its imports brought for cluster cloud-at-home, and nothing else
{
  :local ngGateD "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-d\$"
  :local ngMineD "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[dp]\$"
  :local ngGateS "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-s\$"
  :local ngMineS "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-s\$"
  :local ngGateF "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-f\$"
  :local ngMineF "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-f\$"
  :local ngGate6 "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-6\$"
  :local ngMine6 "^ng-cloud-at-home-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-6\$"
  /system scheduler remove [/system scheduler find where name="ng-cloud-at-home-undo"]
  /ip firewall nat remove [/ip firewall nat find where chain="dstnat" and action=jump and jump-target~$ngGateD]
  /ip firewall nat remove [/ip firewall nat find where chain="srcnat" and action=jump and jump-target~$ngGateS]
  /ip firewall filter remove [/ip firewall filter find where chain="forward" and action=jump and jump-target~$ngGateF]
  /ipv6 firewall filter remove [/ipv6 firewall filter find where chain="forward" and action=jump and jump-target~$ngGate6]
  /ip firewall nat remove [/ip firewall nat find where chain~$ngMineD]
  /ip firewall nat remove [/ip firewall nat find where chain~$ngMineS]
  /ip firewall filter remove [/ip firewall filter find where chain~$ngMineF]
  /ipv6 firewall filter remove [/ipv6 firewall filter find where chain~$ngMine6]
  :put "nat-gen: all its rules are removed"
}
