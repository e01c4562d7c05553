# shellcheck shell=bash
# Functions for scripts that install what they need from the package registries: bounded in time, and with one line
# that says which command gave no answer or failed. To be sourced; it does nothing by itself.

bounded() { # SECONDS COMMAND…
  local code=0
  timeout --kill-after=10 "$1" "${@:2}" || code=$?
  case $code in
    0) ;;
    124 | 137) printf '*** no answer within %d s: %s ***\n' "$1" "${*:2}" >&2 ;;
    *) printf '*** exit code %d: %s ***\n' "$code" "${*:2}" >&2 ;;
  esac
  return "$code"
}

debian() { # PROGRAM PACKAGE…: Debian's packages, where there is no such program
  command -v "$1" >/dev/null && return
  printf 'installing %s\n' "${*:2}" >&2
  # The variable stands behind sudo, which lets none of the caller's through.
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=60)
  [ "$(id -u)" = 0 ] || apt=(sudo "${apt[@]}")
  if [ -z "${debian_is_updated:-}" ]; then
    bounded 180 "${apt[@]}" update >&2 || return
    debian_is_updated=1
  fi
  bounded 600 "${apt[@]}" install -y --no-install-recommends "${@:2}" >&2
}
