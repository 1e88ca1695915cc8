#!/usr/bin/env bash
# What is refused, and that nothing is changed by it.
. "$(dirname "$0")/lib.sh"
machine
start
populate
before=$(describe)

files() {
  sha256sum /etc/default/docker /etc/docker/daemon.json /etc/fstab 2>/dev/null || true
  find /mnt | sort
  find /var/lib/cluster -type f | sort
  lsattr -d /mnt/docker
}

# refused ID ARGUMENTS…: exit 3 for this reason, nothing changed, the engine as before
refused() {
  local id=$1 code=0 was
  shift
  was=$(files)
  pi-dockerroot -n "$@" --only >"$W/said" 2>"$W/err" || code=$?
  [ "$code" = 3 ] || fail "$*: exit code $code: $(cat "$W/err")"
  same "$(jq -r '[.findings[] | select(.severity == "error") | .id] | unique | join(" ")' "$W/said")" "$id" "$*"
  same "$(files)" "$was" "the files after $*"
}

refused dockerroot-target-not-mounted --to /srv --apply
mkdir /mnt/memory
mount -t tmpfs x /mnt/memory
refused dockerroot-target-not-mounted --to /mnt/memory --apply
umount /mnt/memory
refused dockerroot-root-ambiguous --from /srv --apply
refused dockerroot-tree-nested --to /var/lib/docker/volumes --any-folder --apply
refused dockerroot-no-move --rollback --apply
refused dockerroot-not-running --engine containerd --to /mnt/docker --apply
refused dockerroot-not-running --engine k3s --to /mnt/docker --apply
touch /mnt/docker/somebodys
refused dockerroot-tree-target-not-empty --apply
rm /mnt/docker/somebodys
truncate -s 2G "$W/big"
truncate -s 8M "$W/small.img"
mkfs.ext4 -q -F "$W/small.img"
mkdir /mnt/small
mount -o loop "$W/small.img" /mnt/small
run -d --name large app sh -c 'dd if=/dev/zero of=/data/x bs=1M count=20 2>/dev/null; busybox dd if=/dev/urandom of=/big bs=1M count=20; sleep 1000' >/dev/null
sleep 1
refused dockerroot-tree-space --to /mnt/small --apply
docker rm -f large >/dev/null
umount /mnt/small
# No script that stops it.
mv /etc/init.d/docker "$W/script"
refused dockerroot-no-service --apply
# A command that does not stop it: known once it was tried. The copy stays, the engine was never away.
refused_after=$(docker inspect -f '{{.State.Pid}}' web)
code=0
pi-dockerroot -n --apply --only --stop-command true --start-command true >"$W/said" 2>/dev/null || code=$?
same "$code $(jq -r '.findings[0].id' "$W/said")" "3 dockerroot-not-stopped" "an engine that does not stop"
same "$(docker inspect -f '{{.State.Pid}}' web)" "$refused_after" "the container after that"
[ ! -e /etc/docker/daemon.json ] || fail "daemon.json after that"
[ ! -e /var/lib/cluster/pi-dockerroot/docker.journal ] || fail "the journal after that"
mv "$W/script" /etc/init.d/docker
# Somebody edited the configuration and did not start the engine again; two places for the root.
mkdir -p /etc/docker
echo '{"data-root": "/srv"}' >/etc/docker/daemon.json
refused dockerroot-root-ambiguous --apply
rm /etc/docker/daemon.json
options '-g /var/lib/docker'
service docker stop >/dev/null
start
echo '{"data-root": "/var/lib/docker"}' >/etc/docker/daemon.json
refused dockerroot-root-ambiguous --apply
rm /etc/docker/daemon.json
# The flag is nowhere in a file that may be edited.
cp /etc/default/docker "$W/options"
options ''
refused dockerroot-flag-place --apply
cp "$W/options" /etc/default/docker
# Swarm.
docker swarm init --advertise-addr 127.0.0.1 >/dev/null
refused dockerroot-swarm --apply
docker swarm leave --force >/dev/null
# A disk that somebody mounted inside of the root: it would be unmounted and not copied.
mount -t tmpfs somebodys /var/lib/docker/volumes/data/_data
refused dockerroot-mount-foreign --apply
umount /var/lib/docker/volumes/data/_data
# A journal that is held.
flock /var/lib/cluster/pi-dockerroot/docker.journal sleep 5 &
sleep 0.3
refused journal-busy --apply
wait $!
rm -f /var/lib/cluster/pi-dockerroot/docker.journal
# pi-partition's answer.
name=$(cat /proc/sys/kernel/hostname)
for state in '"ok": false, "pending": true' '"ok": true, "pending": true'; do
  code=0
  echo "{\"pi_partition\": {\"ok\": true, \"nodes\": {\"$name\": {$state, \"partitions\": [{\"label\": \"docker\", \"mount\": \"/mnt/docker\"}]}}}}" |
    pi-dockerroot --apply --only >"$W/said" 2>/dev/null || code=$?
  same "$code $(jq -r '.findings[0].id' "$W/said")" "3 dockerroot-partition-not-ready" "$state"
done
# What was reviewed is what happens: a plan whose state is another one.
pi-dockerroot -n >"$W/plan.json" || fail "planning"
jq '.pi_dockerroot.nodes[].state.driver = "vfs"' "$W/plan.json" >"$W/other.json"
code=0
pi-dockerroot --apply --only "$W/other.json" >"$W/said" 2>/dev/null || code=$?
same "$code $(jq -r '.findings[0].id' "$W/said")" "3 dockerroot-plan-differs" "a changed plan"
# Not root: no permission.
code=0
setpriv --reuid 65534 --clear-groups "$(command -v pi-dockerroot)" -n --only >"$W/said" 2>"$W/err" || code=$?
same "$code $(cat "$W/said")" "1 " "not root"
grep -q 'run it with sudo' "$W/err" || fail "not root: $(cat "$W/err")"
docker start plain >/dev/null
same "$(describe)" "$before" "what the engine has after all refusals"
# And the reviewed plan itself is done.
service docker stop >/dev/null
options ''
start
docker start plain >/dev/null
pi-dockerroot -n >"$W/plan.json" || fail "planning"
pi-dockerroot --apply "$W/plan.json" >"$W/said" || fail "the reviewed plan: $(cat "$W/said")"
same "$(root_in_use)" /mnt/docker "the root"
same "$(describe)" "$before" "what the engine has"
refused dockerroot-move-open --to /srv --any-folder --apply
# Once the old root is gone nothing speaks against another move.
pi-dockerroot -n --finish --apply --only >"$W/said" || fail "finishing: $(cat "$W/said")"
mkdir /mnt/third
pi-dockerroot -n --to /mnt/third --any-folder --only >"$W/said" || fail "a plan after --finish: $(cat "$W/said")"
chattr -i /var/lib/docker
echo "all refused"
