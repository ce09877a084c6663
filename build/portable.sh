#!/bin/sh
check='@check@'
# Sluice @version@ for @system@, in one file: this script, and behind it a tar archive, packed by
# gzip, with the runtime and all that it runs. The archive is unpacked once, into a folder of its
# own in the user's cache; every later start runs what lies there. See docs/BINARY.md.
#
# `check` is what cksum says of everything from the third line on.

self=$0
name='@name@'
system='@system@'

fail() {
  printf 'sluice: %s\n' "$*" >&2
  exit 126
}

# Whether only we, or root, can change the folder $1: what lies in it is run.
ours() {
  [ -n "$(find -H "$1" -prune -type d \( -user "$uid" -o -user 0 \) ! -perm -020 ! -perm -002 \
    2>/dev/null)" ]
}

# Whether $1 holds every file of the archive at its full size. A cleaner of caches, a full disk or
# a lost power may have left less.
complete() {
  found=$( { cd "$1" && find @parts@ -type f \( \
@files@
  \); } 2>/dev/null | wc -l)
  [ "$found" -eq @count@ ]
}

# Whether programs in the folder $1 may be started: its disk may be mounted without.
starts() {
  printf '#!/bin/sh\n' >"$1/try" && chmod 700 "$1/try" && "$1/try"
} 2>/dev/null

verify() {
  [ "$(uname -sm)" = "$system" ] || fail "this file is for $system: this is $(uname -sm)."
  [ -r "$self" ] || fail "$self can't be read, and so not unpacked."
  [ "$(tail -n +3 "$self" | cksum)" = "$check" ] ||
    fail "$self is damaged or not complete: get it again. Nothing was unpacked."
}

# Unpacks into the folder $root of the folder $1. Of several that start at once, the first to be
# ready gives its folder the name; the others use it, too.
unpack() {
  [ -w "$1" ] || return 1
  verify
  # What a start that was killed has left.
  find "$1" -name '.*.*' -prune -type d -mtime +0 -exec rm -rf {} \; 2>/dev/null
  work=$1/.$name.$$
  rm -rf "$work"
  mkdir -m 700 "$work" || return 1
  trap 'rm -rf "$work"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if starts "$work"; then
    new=$work/${root##*/}
    mkdir "$new" || fail "nothing can be written to $1."
    tail -n +@payload@ "$self" | gzip -dc | (cd "$new" && tar -xf -) && complete "$new" ||
      fail "could not unpack into $1: see above. It needs @mb@ MB."
    said=$("$new/deno" --version 2>&1) || fail "the runtime does not start on this machine: $said"
    # Into a folder, and so never over one that is there: then it fails, which is as well.
    mv "$new" "$1/" 2>/dev/null
  fi
  rm -rf "$work"
  trap - EXIT HUP INT TERM
  complete "$root"
}

# Finds a complete copy in the folder $1, or unpacks one; sets root. A folder that is not complete
# is left alone, since an older start may run in it: the copy goes beside it.
look_in() {
  tried=${tried:+$tried and }$1
  mkdir -p -m 700 "$1" 2>/dev/null
  ours "$1" || return 1
  for suffix in '' -2 -3 -4 -5 -6 -7 -8 -9; do
    root=$1/$name$suffix
    complete "$root" && return 0
    [ -e "$root" ] && continue
    unpack "$1"
    return
  done
  fail "$1 holds nine copies of $name, and none is complete: remove them."
}

find_root() {
  uid=$(id -u)
  tried=
  case ${XDG_CACHE_HOME:-} in /*) look_in "$XDG_CACHE_HOME/sluice" && return ;; esac
  case ${HOME:-} in /*) [ -d "$HOME" ] && look_in "$HOME/.cache/sluice" && return ;; esac
  case ${TMPDIR:-/tmp} in /*) look_in "${TMPDIR:-/tmp}/sluice-$uid" && return ;; esac
  fail "there is nowhere to unpack to: tried ${tried:-no folder}. Set XDG_CACHE_HOME to a folder" \
    "of yours that nobody else may write to, and where programs may be run."
}

find_root

# The runtime's own settings are ours; what it compiles it keeps with the copy.
unset DENO_V8_FLAGS NODE_OPTIONS
DENO_DIR=$root/cache DENO_NO_UPDATE_CHECK=1
export DENO_DIR DENO_NO_UPDATE_CHECK
exec "$root/deno" @flags@ "$root/@main@" "$@"
exit 126
