# What ./demo, ./test and .ci/run need from the machine. Sourced by them, not run.
#
#   need COMMAND PACKAGE…   installs the Debian packages when COMMAND is not there
#   need_rust               says where to get Rust when it is missing
#   install_missing         installs what `need` found missing
#   need_registry           puts docker-registry on the PATH
#
# Packages are installed only when something is missing; then the package lists are brought up to
# date once. Root installs directly, anybody else through sudo.

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$1" >&2; [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2; exit 1; }

if [ ! -t 2 ]; then say() { printf '==> %s\n' "$*" >&2; }; fi

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root: $*" "run that command as root once, then start again"
    fi
}

MISSING=()
need() { # COMMAND PACKAGE…: remembers the packages when the command is not there
    local command=$1
    shift
    command -v "$command" >/dev/null || MISSING+=("$@")
}

# quietly COMMAND…: shows what it printed only when it failed
quietly() {
    local output
    output=$("$@" 2>&1) && return 0
    printf '%s\n' "$output" >&2
    die "this failed: $*" "the lines above are what it printed"
}

apt_lists_updated=no
update_apt_lists() {
    [ "$apt_lists_updated" = no ] || return 0
    quietly as_root apt-get -qq update
    apt_lists_updated=yes
}

install_missing() {
    [ ${#MISSING[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "missing: ${MISSING[*]} (names of Debian packages)" "install them with this system's package manager"
    say "installing Debian packages: ${MISSING[*]}"
    update_apt_lists
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${MISSING[@]}"
    MISSING=()
}

need_rust() {
    # rustup puts cargo here; a login shell may not have picked that up yet
    [ ! -d "$HOME/.cargo/bin" ] || PATH=$PATH:$HOME/.cargo/bin
    command -v cargo >/dev/null || die "cargo is missing" "install Rust with rustup, then start again"
}

# What the workspace itself is compiled with: Rust, and a C compiler for aws-lc and zstd.
need_build_tools() {
    need_rust
    need cc gcc libc6-dev
}

# A real registry to test against. Its Debian package starts a service on all addresses when it is
# installed; only the program is wanted, so the package is unpacked below target/ and not installed.
need_registry() {
    ! command -v docker-registry >/dev/null || return 0
    local folder=${CARGO_TARGET_DIR:-target}/docker-registry
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    if [ ! -x "$folder/usr/bin/docker-registry" ]; then
        say "unpacking docker-registry from its Debian package"
        update_apt_lists
        (cd "$folder" && quietly apt-get -qq download docker-registry && dpkg-deb --extract docker-registry_*.deb .)
    fi
    PATH=$PATH:$folder/usr/bin
}
