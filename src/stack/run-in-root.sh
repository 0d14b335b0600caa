#!/bin/sh
# Becomes a program inside the Debian root, as an unprivileged user, with mounts that only it and its children see.
# Inputs: ROOT DATA USER PIDFILE LIFE, then PROGRAM [ARG...]; DATA is seen by the program as /srv.
#         LIFE is "stays", or "dies" to be killed with the process that started it.
#         STACK_SECRET in the environment, if set, is put into the program's private /tmp/secret.
# Output: PIDFILE ("" for none) holds the process id and its start time in clock ticks.
# Invariant: called by `unshare --mount --propagation private` and made of execs: one process from start to end.
set -eu
root=$1 data=$2 user=$3 pidfile=$4 life=$5
shift 5

if [ -n "$pidfile" ]; then
  # The name in field 2 has no spaces: it is a shell's.
  read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ ticks _ < "/proc/$$/stat"
  echo "$$ $ticks" > "$pidfile.new"
  mv "$pidfile.new" "$pidfile"
fi

mount -t proc proc "$root/proc"
for node in null zero random urandom; do # the root may lie on a file system mounted nodev
  [ -e "$root/dev/$node" ] || : > "$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir -p "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/tmp"
mount --bind "$data" "$root/srv"

if [ -n "${STACK_SECRET:-}" ]; then
  (umask 077 && printf '%s' "$STACK_SECRET" > "$root/tmp/secret")
  chroot "$root" chown "$user" /tmp/secret
  unset STACK_SECRET
fi

cd /
if [ "$life" = dies ]; then
  set -- --pdeathsig KILL -- "$@"
else
  set -- -- "$@"
fi
exec chroot "$root" /usr/bin/setpriv --reuid "$user" --regid "$user" --init-groups "$@"
