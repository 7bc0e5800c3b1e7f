# shellcheck shell=bash
# Odoo 19: an existing checkout (ODOO_PATH) or Debian's package, unpacked into the cache without installing it.

# Sets ODOO_HOME (the folder with the package "odoo"), ODOO_ADDONS (its addons folders) and ODOO_VERSION.
need_odoo() {
    if [ -n "${ODOO_PATH:-}" ]; then
        ODOO_HOME=$(realpath -m -- "$ODOO_PATH")
        [ -f "$ODOO_HOME/odoo/release.py" ] || die "ODOO_PATH ($ODOO_PATH) is no Odoo checkout: it has no odoo/release.py."
    else
        [ -e "$CLM_CACHE/odoo/current" ] || fetch_odoo
        ODOO_HOME=$(realpath -- "$CLM_CACHE/odoo/current")/usr/lib/python3/dist-packages
    fi
    grep -q '^version_info = (19, 0,' "$ODOO_HOME/odoo/release.py" ||
        die "The Odoo in $ODOO_HOME is not version 19.0; set ODOO_PATH to a checkout of the branch 19.0."
    ODOO_ADDONS=$ODOO_HOME/odoo/addons
    [ ! -d "$ODOO_HOME/addons/sale" ] || ODOO_ADDONS=$ODOO_HOME/addons,$ODOO_ADDONS
    ODOO_VERSION=$ODOO_HOME
    [ ! -e "$ODOO_HOME/.git" ] || ODOO_VERSION+=@$(git -C "$ODOO_HOME" rev-parse HEAD)
}

fetch_odoo() {
    local advice="set ODOO_PATH to a checkout of Odoo 19 instead"
    command -v apt-get >/dev/null && [ "$(os_release ID)" = debian ] ||
        die "Odoo 19 is taken from Debian and this system is not Debian; $advice."
    need_disk_space 3000
    rm -rf "$CLM_CACHE/apt"
    mkdir -p "$CLM_CACHE/apt/lists/partial" "$CLM_CACHE/apt/archives/partial" "$CLM_CACHE/odoo"
    step "Downloading Odoo 19 (Debian's package, 120 MB)" \
        "Odoo 19 could not be downloaded from Debian sid; check the network, or $advice" download_odoo
    step "Unpacking Odoo 19 (1.2 GB)" "Odoo 19 could not be unpacked into $CLM_CACHE; is the disk full?" unpack_odoo
}

os_release() { sed -n "s/^$1=//p" /etc/os-release | tr -d '"'; }

# Asks the mirrors of this machine for sid, with lists and settings of our own: the system's stay as they are.
download_odoo() {
    local mirror apt=(apt-get -c "$CLM_CACHE/apt/apt.conf")
    write_apt_conf
    while read -r mirror; do
        write_sid_source "$mirror"
        if "${apt[@]}" update && (cd "$CLM_CACHE/apt" && "${apt[@]}" download odoo-19); then
            return 0
        fi
    done < <(debian_mirrors)
    return 1
}

# The addresses that this machine takes its Debian release from.
debian_mirrors() {
    local codename
    codename=$(os_release VERSION_CODENAME)
    # shellcheck disable=SC2016 # apt fills in the names
    apt-get indextargets --no-release-info --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' 'Component: main' |
        awk -v codename="$codename" '$1 == codename || $1 ~ /^(stable|oldstable|testing|unstable|sid)$/ {print $2}' |
        sort -u
}

write_apt_conf() {
    cat >"$CLM_CACHE/apt/apt.conf" <<CONF
Dir::Etc::SourceList "$CLM_CACHE/apt/sid.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$CLM_CACHE/apt/lists";
Dir::Cache "$CLM_CACHE/apt";
Acquire::Languages "none";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF
}

write_sid_source() {
    local keyring
    cat >"$CLM_CACHE/apt/sid.sources" <<SOURCES
Types: deb
URIs: $1
Suites: sid
Components: main
Architectures: $(dpkg --print-architecture)
SOURCES
    for keyring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
        [ -e "$keyring" ] || continue
        echo "Signed-By: $keyring" >>"$CLM_CACHE/apt/sid.sources"
        break
    done
}

unpack_odoo() {
    local package folder version
    package=$(ls "$CLM_CACHE"/apt/odoo-19_*.deb)
    version=$(dpkg-deb -f "$package" Version)
    folder=$CLM_CACHE/odoo/$version
    rm -rf "$folder"
    dpkg -x "$package" "$folder"
    # The package links to fonts and scripts of other packages by relative paths.
    ln -s /usr/share/fonts /usr/share/fonts-font-awesome /usr/share/javascript "$folder/usr/share/"
    ln -sfn "$version" "$CLM_CACHE/odoo/current"
    rm -rf "$CLM_CACHE/apt"
}

# The technical name is the folder's name for Odoo, whatever the checkout is called: sets ADDONS, a folder
# that holds the checkout as "clm", and CHECKOUT_KEY, which keeps two checkouts apart.
link_addon() {
    CHECKOUT_KEY=$(printf '%s' "$CHECKOUT" | sha256sum | cut -c1-8)
    ADDONS=$CLM_CACHE/checkouts/$CHECKOUT_KEY/addons
    mkdir -p "$ADDONS"
    ln -sfn "$CHECKOUT" "$ADDONS/clm"
}

# The fingerprint of all that an installation of the addon reads; tests, scripts and papers are no part of it.
addon_fingerprint() {
    (
        cd "$CHECKOUT" &&
            find . \( -path ./.git -o -path ./scripts -o -path ./benchmarks -o -path ./docs -o -path ./.ci \
                -o -name __pycache__ -o -name '*.md' -o -path './tests/*.py' \) -prune -o -type f -print0 |
            LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12
    )
}

# write_odoo_conf FILE DATABASE DATA_FOLDER ADDONS_PATH [LINE...]
write_odoo_conf() {
    local file=$1 database=$2 data=$3 addons=$4
    shift 4
    mkdir -p "$data"
    {
        printf '%s\n' "[options]" "addons_path = $ODOO_ADDONS,$addons" "data_dir = $data" \
            "db_name = $database" "dbfilter = ^$database\$" "list_db = False" "http_interface = 127.0.0.1" "$@"
    } >"$file"
}

# For $CLM_DETAIL: which module Odoo is loading.
odoo_progress() {
    tail -n 200 "$CLM_LOG" | sed -n 's/.*: Loading module \([a-z0-9_]*\) (\([0-9]*\)\/\([0-9]*\)).*/\1, module \2 of \3/p' | tail -n 1
}
