# shellcheck shell=bash
# Template databases for the tests: one with the modules that the addon depends on, made once for each Odoo, and one
# with the addon installed, made once for each state of its files. Both with demo data, and with their filestore.

# Nobody may copy a template while it is made or dropped. The lock is the file descriptor 7.
lock_templates() {
    exec 7>"$TEST/templates.lock"
    flock -n 7 && return
    say "Waiting for another run that is making a template database ..."
    flock 7
}

unlock_templates() { exec 7>&-; }

# Sets ADDON_TEMPLATE.
need_templates() {
    local modules base old
    modules=sale_management,contacts,$(manifest_depends)
    base=clm_base_$(printf '%s\n' "$ODOO_VERSION" "$modules" | sha256sum | cut -c1-12)
    ADDON_TEMPLATE=clm_addon_${CHECKOUT_KEY}_$(printf '%s\n' "$base" "$(addon_fingerprint)" | sha256sum | cut -c1-12)
    drop_leftovers
    if ! database_exists "$ADDON_TEMPLATE"; then
        need_disk_space 1000
        database_exists "$base" ||
            make_template "$base" "" "$modules" "Making a database with Odoo's modules" "The database with Odoo's modules could not be made"
        for old in $(databases "clm_addon_${CHECKOUT_KEY}_%"); do
            drop_with_filestore "$old"
        done
        make_template "$ADDON_TEMPLATE" "$base" "clm$(printf ',%s' "${TEST_ADDON_NAMES[@]}")" "Installing the addon" "The addon could not be installed"
    fi
}

manifest_depends() {
    python -c 'import ast, sys; print(",".join(ast.literal_eval(open(sys.argv[1]).read())["depends"]))' "$CHECKOUT/__manifest__.py"
}

databases() { sql "SELECT datname FROM pg_database WHERE datname LIKE '$1'"; }

# Folders and databases of runs that were killed. On a given PostgreSQL the databases may be another machine's.
drop_leftovers() {
    local folder database pid
    for folder in "${TMPDIR:-/tmp}"/clm-test-*; do
        pid=${folder##*/clm-test-}
        [ -e "/proc/${pid%%-*}" ] || [ ! -O "$folder" ] || rm -rf "$folder"
    done
    [ "$PRIVATE_PG" ] || return 0
    for database in $(databases 'clm_test_%'); do
        pid=${database#clm_test_}
        [ -e "/proc/${pid%%_*}" ] || drop_with_filestore "$database"
    done
}

# make_template NAME FROM MODULES TITLE SENTENCE
# It gets its name when it is complete, so that an interrupted run leaves no half of one.
make_template() {
    local name=$1 from=$2 modules=$3 title=$4 sentence=$5 unfinished=$1_unfinished
    local log conf=$TEST/$unfinished.conf
    log=$(install_log "$name")
    drop_with_filestore "$unfinished"
    [ -z "$from" ] || copy_template "$from" "$unfinished"
    write_odoo_conf "$conf" "$unfinished" "$DATA" "$ADDONS,$TEST_ADDONS"
    mkdir -p "${log%/*}"
    : >"$log"
    CLM_LOG=$log CLM_DETAIL=odoo_progress step "$title" "$sentence" install_modules "$conf" "$modules"
    [ "$(PGDATABASE=$unfinished "$PG_BIN/psql" -AtXc "SELECT count(*) FROM ir_module_module WHERE name = ANY('{$modules}') AND state != 'installed'")" = 0 ] ||
        die "$sentence: Odoo left it out (details: $log)"
    sql "ALTER DATABASE \"$unfinished\" RENAME TO \"$name\""
    rm -rf "$DATA/filestore/$name" "$conf"
    mkdir -p "$DATA/filestore/$unfinished"
    mv "$DATA/filestore/$unfinished" "$DATA/filestore/$name"
}

install_log() { echo "$TEST/install/$1.log"; }

install_modules() {
    cd / && exec python -m odoo server -c "$1" -i "$2" --with-demo --stop-after-init --no-http
}

# The files of a filestore never change, so hard links do.
copy_template() {
    sql "CREATE DATABASE \"$2\" TEMPLATE \"$1\""
    rm -rf "$DATA/filestore/$2"
    mkdir -p "$DATA/filestore/$1"
    cp -al "$DATA/filestore/$1" "$DATA/filestore/$2"
}

drop_with_filestore() {
    drop_database "$1"
    rm -rf "${DATA:?}/filestore/$1" "$(install_log "$1")"
}
