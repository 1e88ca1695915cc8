# shellcheck shell=bash
# Sourced in an emulated machine: the story of one card, from two partitions to a node that is ready for K3s, told by the four
# tools that act on a node. In this folder are the tools and, where radio work is told too, radios.sh. $CARD is the card.
#
#   prepare      once: a root as a Docker engine leaves it, named files on both partitions, and a manifest of them all
#   begin        what a system does when it starts, before anybody types a command
#   work         what a person types; the same words again after a kill are the rerun. disk_work and radio_work are its halves
#   whole        every named file of the old root, of p1 and p2 is as the manifest has it
#   planned      the card is as planned. disk_planned and radio_planned are its halves
#   again        every tool once more, and its check: answers in $OUT/answers; nothing that lasts may change

# The part of the name between disk and number: p in /dev/mmcblk0p3, nothing in /dev/vda3.
part=$CARD
[[ $CARD != *[0-9] ]] || part=${CARD}p
root=/var/lib/docker
mount=/mnt/docker
size=${STORY_SIZE:-128MiB}
kept=/root/story
answers=$OUT/answers

# fail WORD…: what is not as it should be ends the script.
fail() {
  printf 'story: %s\n' "$*" >&2
  exit 1
}

# differ A B: the first lines in which two files do; nothing where they do not.
differ() { busybox diff "$1" "$2" | head -n 8; }

# same WHAT WANTED FOUND
same() { [ "$2" = "$3" ] || fail "$1: wanted '$2', found '$3'"; }

# document: what all four tools read.
document() {
  cat <<JSON
{
  "name": "story",
  "network": {"lan": "192.168.51.0/24", "gateway": "192.168.51.1"},
  "nodes": [
    {"name": "pi0", "os": "raspios", "os_release": "bullseye", "role": "server", "address": "192.168.51.1/24"},
    {"name": "pi1", "os": "raspios", "os_release": "bullseye", "role": "agent",
      "disk": {"device": "$CARD"},
      "partitions": [{"label": "docker", "filesystem": "ext4", "size": "$size", "mount": "$mount"}]}
  ],
  "wifi": {"country": "CH", "networks": [{"ssid": "wpa2", "psk_file": "$kept/wpa2.psk"}]},
  "k3s": {"version": "v1.30.4+k3s1", "token_file": "$kept/k3s.token", "agent_token_file": "$kept/k3s.agent-token"}
}
JSON
}

# seconds: since the machine started.
seconds() { cut -d' ' -f1 /proc/uptime; }

# noise BYTES: what no two files share.
noise() { head -c "$1" /dev/urandom; }

# files BYTES EACH PREFIX: many of one size, aa, ab and so on.
files() { noise "$1" | split -b "$2" - "$3"; }

# docker_root: layers with what a copier can lose, an image's records, a container, a volume.
docker_root() {
  local n layer
  mkdir -p "$root"/{overlay2/l,image/overlay2/imagedb/content/sha256,containers,volumes/data/_data,tmp}
  chmod 710 "$root" "$root/overlay2"
  for layer in base edit; do
    mkdir -p "$root/overlay2/$layer"/{diff/{bin,etc,srv},work}
    ln -s "../$layer/diff" "$root/overlay2/l/$layer"
    files 120000 2000 "$root/overlay2/$layer/diff/srv/"
  done
  noise 3000000 >"$root/overlay2/base/diff/bin/app"
  chmod 4755 "$root/overlay2/base/diff/bin/app"
  ln "$root/overlay2/base/diff/bin/app" "$root/overlay2/base/diff/bin/app-too"
  ln -s ../bin/app "$root/overlay2/base/diff/etc/link"
  ln "$root/overlay2/base/diff/etc/link" "$root/overlay2/base/diff/etc/link-too"
  # A file that is gone in the upper layer, and a folder that hides the one below.
  mknod "$root/overlay2/edit/diff/etc/gone" c 0 0
  ln "$root/overlay2/edit/diff/etc/gone" "$root/overlay2/edit/diff/etc/gone-too"
  setfattr -n trusted.overlay.opaque -v y "$root/overlay2/edit/diff/srv"
  setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$root/overlay2/base/diff/bin/app"
  setfattr -n user.note -v kept "$root/overlay2/edit/diff/srv/ac"
  setfacl -m u:1000:rw "$root/overlay2/edit/diff/srv/ad"
  mkfifo -m 640 "$root/volumes/data/_data/fifo"
  chown -R 1000:33 "$root/volumes/data/_data"
  # A database as they are: much of it holes.
  truncate -s 12M "$root/volumes/data/_data/sparse"
  for n in 0 3 7 11; do noise 20000 | dd of="$root/volumes/data/_data/sparse" bs=1M seek=$n conv=notrunc status=none; done
  files 10000 500 "$root/image/overlay2/imagedb/content/sha256/"
  touch -d '2020-02-02 02:02:02.123456789' "$root/overlay2/base/diff/srv/ab" "$root/overlay2/base"
}

# described FOLDER: everything that a copy must have too, in lines. Sizes of folders and numbers of inodes belong to the
# file system.
described() (
  cd "$1" || exit
  export LC_ALL=C
  find . -name lost+found -prune -o -type d -printf '%p d %m %U:%G %T@\n' -o \
    -printf '%p %y %m %U:%G %T@ %n %s %l\n' | sort
  find . -type b -o -type c | sort | xargs -r stat -c '%n device %t:%T'
  # Which names are one file: the first of them stands for it.
  find . -links +1 ! -type d -printf '%i %p\n' | sort -k2 | awk '{ if (!($1 in first)) first[$1] = $2; print $2, "is", first[$1] }'
  find . -type f -size +1M -printf '%p %b %s\n' | awk '$2 * 512 < $3 { print $1, "has holes" }' | sort
  find . -name lost+found -prune -o -print0 | sort -z | xargs -0 getfattr -h -d -m - -e hex
  find . -name lost+found -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
)

# named: the sums of what nobody in this story may change: on p1 all but the command line, on p2 what a person keeps there
# and how the system is configured. (The packages' files are compared from outside the machine.)
named() {
  find /boot -xdev -type f ! -name 'cmdline.txt*' -print0 | sort -z | xargs -0 sha256sum
  find /root/keep /etc -xdev -type f ! -path '/etc/fstab*' ! -path '/etc/wpa_supplicant/*' ! -path '/etc/rancher/*' \
    ! -path /etc/resolv.conf ! -name '*k3s-join*' ! -name '*pi-wifi*' -print0 | sort -z | xargs -0 sha256sum
}

# mount_boot: p1 where Raspberry Pi OS has it; checked first, as it is there.
mount_boot() {
  modprobe vfat
  fsck.vfat -a "${part}1" >/tmp/fsck.vfat || [ $? = 1 ] || fail "p1 is damaged: $(cat /tmp/fsck.vfat)"
  mount "${part}1" /boot
}

prepare() {
  mount_boot
  mkdir -p "$kept" /root/keep /boot/overlays
  chmod 700 "$kept"
  echo pi1 >/etc/hostname
  echo pi1 >/proc/sys/kernel/hostname
  tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
  local id
  id=$(od -An -tx4 -j440 -N4 "$CARD" | tr -d ' ')
  printf 'proc /proc proc defaults 0 0\nPARTUUID=%s-01 /boot vfat defaults 0 2\nPARTUUID=%s-02 / ext4 defaults,noatime 0 1\n' \
    "$id" "$id" >/etc/fstab
  (
    umask 077
    printf %s 'the right key of wpa2' >"$kept/wpa2.psk"
    noise 24 | od -An -tx1 | tr -d ' \n' >"$kept/k3s.token"
    noise 24 | od -An -tx1 | tr -d ' \n' >"$kept/k3s.agent-token"
  )
  files 500000 5000 /root/keep/
  files 60000 3000 /boot/overlays/
  # As many names as a firmware has: the folder takes several sectors, and they reach the card one by one.
  files 24000 400 /boot/board-
  noise 2000000 >/boot/kernel8.img
  docker_root
  described "$root" >"$kept/docker"
  named >"$kept/named"
  cp /etc/fstab "$kept/fstab"
  cp /boot/cmdline.txt "$kept/cmdline.txt"
  sync
  umount /boot
}

# begin: the network's time where the host gave it (a Pi has no clock), what fstab mounts, and the Wi-Fi that is configured.
begin() {
  [ ! -e clock ] || date -s "@$(cat clock)" >/dev/null
  mount_boot
  mount -a || fail "a line of fstab does not mount"
}

# begin_radio: two radios, one of them an access point's; and what is configured for the other.
begin_radio() {
  local id
  POINTS=wpa2 RADIOS=2
  # shellcheck source=../wifi/radios.sh
  . ./radios.sh
  start_points
  if [ -e /etc/wpa_supplicant/wpa_supplicant.conf ]; then
    wpa_supplicant -B -i wlan0 -D nl80211 -c /etc/wpa_supplicant/wpa_supplicant.conf >/tmp/wpa_supplicant.log
    dhcpcd -q wlan0
    soon is_in wpa2 || fail "the radio is not in its network after a start"
  fi
}

# disk_work: the first half; the document with two answers.
disk_work() {
  document | ./pi-partition --apply |
    ./pi-dockerroot --require-ok --tree --from "$root" --to "$mount" --apply --verify
}

# radio_work: the second half, of such a document.
radio_work() { ./pi-wifi --require-ok --apply --limit 120 | ./k3s-join --require-ok --apply; }

# work: all in one line.
work() { disk_work | radio_work; }

# whole: the named files.
whole() {
  sha256sum --quiet -c "$kept/named" || fail "a named file of p1 or p2 is not whole"
  described "$root" >/tmp/described
  same "the old root" '' "$(differ "$kept/docker" /tmp/described)"
}

# disk_planned: the partition, its file system, its mount, and the root on it.
disk_planned() {
  same "what is mounted" "${part}3 ext4" "$(findmnt -no SOURCE,FSTYPE "$mount")"
  same "the label" docker "$(blkid -o value -s LABEL "${part}3")"
  same "fstab's line" "UUID=$(blkid -o value -s UUID "${part}3") $mount ext4" "$(awk -v at="$mount" '$2 == at { print $1, $2, $3 }' /etc/fstab)"
  same "fstab's former lines" "$(cat "$kept/fstab")" "$(awk -v at="$mount" '$2 != at && !/^#/' /etc/fstab)"
  described "$mount" >/tmp/described
  same "the new root" '' "$(differ "$kept/docker" /tmp/described)"
}

# wifi_planned: the network, joined.
wifi_planned() {
  grep -q 'ssid=77706132' /etc/wpa_supplicant/wpa_supplicant.conf || fail "the network is not configured"
  same "the key's permissions" 600 "$(stat -c %a /etc/wpa_supplicant/wpa_supplicant.conf)"
  is_in wpa2 || fail "the radio is not in its network"
}

# k3s_planned: the command line, and K3s's files as the same document makes them elsewhere.
k3s_planned() {
  local file
  same "the command line" "$(sed 's/ cgroup_disable=memory//; s/$/ cgroup_memory=1 cgroup_enable=memory/' "$kept/cmdline.txt")" "$(cat /boot/cmdline.txt)"
  same "the former command line" '' "$(differ "$kept/cmdline.txt" /boot/cmdline.txt.before-k3s-join)"
  rm -rf /tmp/nodes
  document | ./k3s-join --node pi1 -f files -o /tmp/nodes || fail "no files are planned"
  file=$(cd /tmp/nodes && find . -type f -printf '%P ')
  [ "$(wc -w <<<"$file")" = 5 ] || fail "K3s's files: $file"
  for file in $file; do
    same "$file" '' "$(differ "/tmp/nodes/$file" "/$file")"
    same "the permissions of $file" "$(stat -c %a "/tmp/nodes/$file")" "$(stat -c %a "/$file")"
  done
}

radio_planned() {
  wifi_planned
  k3s_planned
}

planned() {
  disk_planned
  radio_planned
}

# lasting: what a run that has nothing to do must leave as it is, with times: of the tools' files, not of their journals.
lasting() {
  stat -c '%n %i %Y %s' /etc/fstab /boot/cmdline.txt* /etc/wpa_supplicant/*.conf 2>/dev/null
  find /etc -xdev -type f \( -path '/etc/rancher/*' -o -name '*k3s-join*' -o -name '*pi-wifi*' \) -printf '%p %i %T@ %s\n' | sort
  dd if="$CARD" bs=1M count=1 status=none | sha256sum
  described "$mount"
}

# ask NAME COMMAND…: the document to a tool; its answer, its words and its status in $OUT/answers.
ask() {
  local name=$1
  shift
  mkdir -p "$answers"
  document | "$@" >"$answers/$name.json" 2>"$answers/$name.err"
  echo $? >"$answers/$name.status"
}

disk_again() {
  ask partition-check ./pi-partition --check --only
  ask partition-again ./pi-partition --apply --only
  ask dockerroot-check ./pi-dockerroot --tree --from "$root" --to "$mount" --verify --only
  ask dockerroot-again ./pi-dockerroot --tree --from "$root" --to "$mount" --apply --only
}

wifi_again() {
  ask wifi-check ./pi-wifi --check --only
  ask wifi-again ./pi-wifi --apply --only
}

k3s_again() {
  ask k3s-check ./k3s-join --check --only
  ask k3s-again ./k3s-join --apply --only
}

radio_again() {
  wifi_again
  k3s_again
}

again() {
  lasting >/tmp/before
  disk_again
  radio_again
  lasting >/tmp/after
  same "what a run with nothing to do changed" '' "$(differ /tmp/before /tmp/after)"
}
