/** Where the launch script is on every machine. */
export const LAUNCHER = '/opt/netlab/bin/netlab-launch'
const MACHINE_PATH = '/opt/netlab/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** All that programs on machines are told of this host: nothing of its user's environment, which may hold secrets; and messages that can be read. */
export const MACHINE_ENV: Readonly<Record<string, string>> = { PATH: MACHINE_PATH, LC_ALL: 'C.UTF-8', HOME: '/root' }

/** Settings of the whole kernel, not of a namespace. Only root of the host could write the first one. */
export const HOST_SETTINGS = ['/proc/sys/kernel', '/proc/sys/vm', '/proc/sys/fs', '/proc/sysrq-trigger'] as const

/**
 * First program of a container, in its own mount, uts and pid namespaces: $1 host name, $2 working folder, $3 the mounts as an
 * fstab, $4 how many pairs (from, to) of them follow, then the program.
 * Its stderr comes as 3: that of the programs that make the namespaces is not the container's.
 * A mount point that the read-only template lacks is made in an overlay over the deepest folder that is there: its top is the container's own, where
 * an ordinary user may make what the host's root does not allow below. Kernels stack no more than two, so one overlay serves as many as can be.
 * tini reaps, and passes signals on
 * to programs that would ignore them as pid 1.
 */
export const LAUNCH_SCRIPT = `#!/bin/sh
exec 2>&3 3>&-
set -eu
host=$1; dir=$2; mounts=$3; n=$4; shift 4
[ -z "$host" ] || hostname "$host"
read -r id < /proc/sys/kernel/random/uuid
table=
if [ -w /proc/sys/kernel/core_pattern ]; then
  for f in ${HOST_SETTINGS.join(' ')}; do [ ! -e "$f" ] || table="$table$f $f none bind,ro 0 0
"; done
fi
# Folders in which a mount point is missing, one a line.
missing=
scan() {
  left=$1; shift
  while [ "$left" -gt 0 ]; do
    case $1 in */) mkdir -p "$1" ;; esac
    at=$2
    while [ -n "$at" ] && [ ! -e "$at" ]; do at=\${at%/*}; done
    [ -n "$at" ] || { echo "mountPath $2: there is no folder /$(echo "$2" | cut -d/ -f2) on this machine" >&2; exit 128; }
    [ "$at" = "$2" ] || missing="$missing$at
"
    shift 2; left=$((left - 1))
  done
}
scan "$n" "$@"
if [ -n "$missing" ]; then
  # A folder comes before those in it: an overlay hides what was mounted below.
  missing=$(printf %s "$missing" | sort -u)
  over=/run/netlab/overlay/$id made='' count=0
  while read -r at; do
    own='' up=$at
    while [ -n "$up" ]; do case $made in *"|$up|"*) own=1 ;; esac; up=\${up%/*}; done
    if [ -z "$own" ] || [ ! -w "$at" ]; then
      count=$((count + 1)) made="$made|$at|"
      mkdir -p "$over/$count/upper" "$over/$count/work"
      mount -t overlay overlay -o "lowerdir=$at,upperdir=$over/$count/upper,workdir=$over/$count/work" "$at"
    fi
  done <<END
$missing
END
fi
while [ "$n" -gt 0 ]; do
  if [ -e "$2" ]; then :
  elif [ -d "$1" ]; then mkdir -p "$2"
  else mkdir -p "\${2%/*}"; : > "$2"
  fi
  shift 2; n=$((n - 1))
done
table=$table$mounts
if [ -n "$table" ]; then
  # mount takes no pipe for its table
  printf %s "$table" > "/run/netlab/mounts-$id"
  mount --all --fstab "/run/netlab/mounts-$id"
fi
cd "$dir"
exec tini -s -- "$@"
`
