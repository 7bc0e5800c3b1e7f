# shellcheck shell=bash
# The cache folder and the Debian packages.

RUN_PACKAGES=(
    ca-certificates python3 python3-venv libmagic1
    # Fonts and libraries that Debian's Odoo links to instead of carrying them.
    fonts-dejavu-core fonts-font-awesome fonts-inconsolata fonts-roboto-unhinted
    libjs-jquery libjs-jquery-form libjs-underscore
    # What the PDF engine loads.
    fontconfig libfontconfig1 libfreetype6 libx11-6 libxext6 libxrender1
)

# open_cache COMMAND
# Sets CLM_CACHE, the folder for everything that is downloaded or made, and CLM_LOG, the log of this command.
open_cache() {
    local command=$1
    if [ -z "${CLM_CACHE:-}" ]; then
        if [ "$(id -u)" = 0 ]; then
            CLM_CACHE=/var/cache/clm
        else
            CLM_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/clm
        fi
    fi
    CLM_CACHE=$(realpath -m -- "$CLM_CACHE")
    [[ ! $CLM_CACHE =~ [[:space:],\"\'\\] ]] ||
        die "The path of the cache folder ($CLM_CACHE) holds a space, comma or quote; set CLM_CACHE to another one."
    [[ $CLM_CACHE/ != "$CHECKOUT"/* ]] ||
        die "The cache folder ($CLM_CACHE) lies inside the checkout; set CLM_CACHE to a folder outside."
    mkdir -p "$CLM_CACHE/log" 2>/dev/null && [ -w "$CLM_CACHE/log" ] ||
        die "The cache folder $CLM_CACHE cannot be written; set CLM_CACHE to a folder of yours."
    CLM_LOG=$CLM_CACHE/log/$command.$$.log
    find "$CLM_CACHE/log" -name "$command.*.log" -mtime +7 -delete
}

# Only one command at a time downloads and installs. The lock is the file descriptor 8.
lock_setup() {
    exec 8>"$CLM_CACHE/setup.lock"
    flock -n 8 && return
    say "Waiting for another command that is installing ..."
    flock 8
}

unlock_setup() { exec 8>&-; }

need_disk_space() {
    local needed=$1 free
    free=$(df -Pm "$CLM_CACHE" | awk 'NR == 2 {print $4}')
    [ "$free" -ge "$needed" ] ||
        die "$CLM_CACHE needs $needed MB of free disk space and has $free MB; free some or set CLM_CACHE to a folder elsewhere."
}

# Installs those of the named Debian packages that are missing, if any.
need_packages() {
    local missing
    command -v dpkg-query >/dev/null || die "This command needs Debian and its packages; this system has no dpkg."
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    become_root "${missing[*]}"
    say "Debian packages that are missing: ${missing[*]}"
    step "Installing them" \
        "apt could not install the Debian packages ${missing[*]}; check the network and that apt-get works" \
        apt_install "${missing[@]}"
}

# A package counts as there under its own name and under the names that it provides.
missing_packages() {
    printf '%s\n' "$@" | grep -vxF -f <(
        dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' |
            sed -n 's/([^)]*)//g; s/,//g; s/^installed //p' | tr ' ' '\n' | grep .
    ) || true
}

# Sets AS_ROOT, the words before a command that needs root.
become_root() {
    AS_ROOT=()
    [ "$(id -u)" != 0 ] || return 0
    local advice="ask an administrator to run: apt-get install $1"
    command -v sudo >/dev/null || die "Debian packages are missing and there is no sudo; $advice"
    if ! sudo -n true 2>/dev/null; then
        [ -t 0 ] || die "Debian packages are missing and sudo asks for a password; $advice"
        say "Debian packages are missing; sudo may ask for your password."
        sudo -v || die "sudo did not allow to install Debian packages; $advice"
    fi
    AS_ROOT=(sudo)
}

# PostgreSQL's package would start a server of its own; ours is private, so that one is not made.
apt_install() {
    local apt=("${AS_ROOT[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
    NO_CLUSTER=/etc/postgresql-common/createcluster.d/clm-no-cluster.conf
    "${apt[@]}" update || true # a broken source of another project; the installation tells
    trap '"${AS_ROOT[@]}" rm -f "$NO_CLUSTER"' EXIT
    "${AS_ROOT[@]}" mkdir -p "${NO_CLUSTER%/*}"
    echo "create_main_cluster = false" | "${AS_ROOT[@]}" tee "$NO_CLUSTER"
    "${apt[@]}" install -y --no-install-recommends "$@"
}
