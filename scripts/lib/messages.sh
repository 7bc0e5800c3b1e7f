# shellcheck shell=bash
# What the commands say while they work. Everything goes to stderr; only results go to stdout.

say() { printf '%s\n' "$*" >&2; }

# One clear sentence, then out.
die() {
    printf 'Error: %s\n' "$*" >&2
    exit 1
}

# step TITLE SENTENCE COMMAND...
# Runs COMMAND with its output in $CLM_LOG, showing TITLE and the seconds that passed. If it fails,
# SENTENCE says what to do. The command named by $CLM_DETAIL, if any, prints what is happening now.
step() {
    local title=$1 sentence=$2 started=$SECONDS
    shift 2
    printf '%s ...' "$title" >&2
    "$@" >>"$CLM_LOG" 2>&1 </dev/null &
    CLM_STEP_PID=$!
    show_progress "$title" "$started"
    if wait "$CLM_STEP_PID"; then
        CLM_STEP_PID=
        finish_line "$title" "done in $((SECONDS - started)) s"
    else
        CLM_STEP_PID=
        finish_line "$title" "failed after $((SECONDS - started)) s"
        [ -z "${CI:-}" ] || tail -n 40 "$CLM_LOG" >&2 # the file is gone when somebody reads this
        die "$sentence (details: $CLM_LOG)"
    fi
}

# On a terminal one line that changes; elsewhere (CI) a line every half minute.
show_progress() {
    local title=$1 started=$2 next=30 elapsed
    while kill -0 "$CLM_STEP_PID" 2>/dev/null; do
        elapsed=$((SECONDS - started))
        if [ -t 2 ]; then
            printf '\r\033[K%s ... %s s%s' "$title" "$elapsed" "$(step_detail)" >&2
        elif [ "$elapsed" -ge "$next" ]; then
            printf ' %s s%s ...' "$elapsed" "$(step_detail)" >&2
            next=$((next + 30))
        fi
        sleep 0.2
    done
}

step_detail() {
    local detail
    [ -n "${CLM_DETAIL:-}" ] || return 0
    detail=$("$CLM_DETAIL")
    [ -z "$detail" ] || printf ' (%s)' "$detail"
}

finish_line() {
    if [ -t 2 ]; then
        printf '\r\033[K%s ... %s\n' "$1" "$2" >&2
    else
        printf ' %s\n' "$2" >&2
    fi
}

# A step that still runs when the command is interrupted must not go on by itself.
stop_step() {
    [ -z "${CLM_STEP_PID:-}" ] || kill_tree "$CLM_STEP_PID"
}

kill_tree() {
    local child children=()
    read -ra children 2>/dev/null <"/proc/$1/task/$1/children" || true
    for child in "${children[@]}"; do
        kill_tree "$child"
    done
    kill "$1" 2>/dev/null || true
}
