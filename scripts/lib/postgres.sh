# shellcheck shell=bash
# PostgreSQL: the one that PG* variables name, or a private one that listens on a socket in the cache only.

# Sets PRIVATE_PG, and checks the server that the environment names.
choose_postgres() {
    PRIVATE_PG=1
    [ -n "${PGHOST:-}${PGPORT:-}${PGUSER:-}${PGPASSWORD:-}" ] || return 0
    PRIVATE_PG=
    [ "${PGUSER:-$(id -un)}" != postgres ] ||
        die "Odoo refuses the database user postgres; set PGUSER to another user that may create databases."
}

# Keeps what belongs to a given server apart from what belongs to the private one.
server_suffix() {
    [ "$PRIVATE_PG" ] || printf -- '-on-%s' "$(printf '%s:%s' "${PGHOST:-}" "${PGPORT:-}" | sha256sum | cut -c1-8)"
}

postgres_package() { if [ "$PRIVATE_PG" ]; then echo postgresql; else echo postgresql-client; fi; }

# Sets PG_BIN, the folder of the newest programs that are installed.
find_pg_bin() {
    local program=psql
    [ -z "$PRIVATE_PG" ] || program=initdb
    PG_BIN=$(find /usr/lib/postgresql -path "*/bin/$program" 2>/dev/null | sort -V | tail -n 1)
    [ -n "$PG_BIN" ] || PG_BIN=$(command -v "$program") || die "PostgreSQL's program $program was not found; install PostgreSQL."
    PG_BIN=${PG_BIN%/*}
}

sql() {
    PGOPTIONS="-c client_min_messages=warning" "$PG_BIN/psql" --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 -d postgres -c "$1"
}

check_given_postgres() {
    local may_create
    may_create=$(sql "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user" 2>>"$CLM_LOG") ||
        die "The PostgreSQL server of PGHOST, PGPORT and PGUSER does not answer; start it, or unset them to use a private one."
    [ "$may_create" = t ] || die "The database user of PGUSER may not create databases; allow it, or unset PGHOST and PGUSER to use a private server."
}

# private_postgres FOLDER [SETTING...]
# Names the private server kept in FOLDER; start_postgres starts it. Sets PG_DATA and the PG* variables.
private_postgres() {
    local folder=$1 socket
    shift
    PG_SETTINGS=("$@")
    PG_DATA=$folder/pg$(basename "$(dirname "$PG_BIN")")
    socket=$folder/socket
    # The path of a socket has at most 107 characters.
    [ "${#socket}" -le 85 ] || socket=/tmp/clm-$(id -u)-$(printf '%s' "$socket" | sha256sum | cut -c1-12)
    PG_SOCKET=$socket
    export PGHOST=$socket PGPORT=5432 PGUSER=odoo
    unset PGPASSWORD PGDATABASE PGSERVICE
}

# PostgreSQL refuses root.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@")
    else
        "$@"
    fi
}

postgres_runs() { as_postgres "$PG_BIN/pg_ctl" -D "$PG_DATA" status >/dev/null 2>&1; }

check_reach_of_postgres() {
    [ -z "$PRIVATE_PG" ] || as_postgres test -x "$CLM_CACHE" ||
        die "The user postgres cannot reach $CLM_CACHE; set CLM_CACHE to a folder that every user may enter."
}

start_postgres() {
    [ -e "$PG_DATA/.complete" ] ||
        step "Making a private PostgreSQL" "The private PostgreSQL could not be made in $PG_DATA" init_postgres
    postgres_runs || step "Starting PostgreSQL" "The private PostgreSQL did not start, see $PG_DATA/server.log" launch_postgres
}

init_postgres() {
    rm -rf "$PG_DATA"
    mkdir -p "$PG_DATA"
    chmod 700 "$PG_DATA"
    [ "$(id -u)" != 0 ] || chown postgres: "$PG_DATA"
    as_postgres "$PG_BIN/initdb" -D "$PG_DATA" -U odoo --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync
    printf '%s\n' "listen_addresses = ''" "unix_socket_permissions = 0700" "${PG_SETTINGS[@]}" >>"$PG_DATA/postgresql.conf"
    touch "$PG_DATA/.complete"
}

# Nothing but the server's user (and root) reaches the socket, so no password is needed.
launch_postgres() {
    mkdir -p "$PG_SOCKET"
    chmod 700 "$PG_SOCKET"
    [ "$(id -u)" != 0 ] || chown postgres: "$PG_SOCKET"
    as_postgres "$PG_BIN/pg_ctl" -D "$PG_DATA" -l "$PG_DATA/server.log" -o "-k $PG_SOCKET -p 5432" -w -t 60 start 8>&- 9>&-
}

stop_postgres() { as_postgres "$PG_BIN/pg_ctl" -D "$PG_DATA" -m fast -w -t 60 stop; }

database_exists() { [ "$(sql "SELECT 1 FROM pg_database WHERE datname = '$1'")" = 1 ]; }

drop_database() { sql "DROP DATABASE IF EXISTS \"$1\" WITH (FORCE)"; }
