# shellcheck shell=bash
# Python: the virtual environment with pinned packages, and the sample of purchases.

# need_venv NAME REQUIREMENTS_FILE...
# Puts a virtual environment with exactly these packages first on the PATH. Bytecode goes to the cache.
need_venv() {
    local name=$1 key
    shift
    find_python
    key=$(cat "$@" <("$PYTHON" -VV) | sha256sum | cut -c1-12)
    VENV=$CLM_CACHE/venv/$name-$key
    if [ ! -e "$VENV/.complete" ]; then
        need_disk_space 1000
        step "Installing Python packages ($name)" \
            "The Python packages could not be installed; check the network connection" make_venv "$@"
    fi
    export PATH=$VENV/bin:$PATH PYTHONPATH=$ODOO_HOME PYTHONPYCACHEPREFIX=$CLM_CACHE/pycache PYTHONUNBUFFERED=1
    unset PYTHONDONTWRITEBYTECODE PYTHONHOME
}

need_run_venv() { need_venv run "$CHECKOUT/scripts/requirements/run.txt"; }

need_dev_venv() { need_venv dev "$CHECKOUT"/scripts/requirements/{run,dev}.txt; }

# Debian's Python is preferred: other users of the machine can run it too. Odoo 19 takes 3.10 to 3.13.
find_python() {
    for PYTHON in /usr/bin/python3 /usr/bin/python3.{13,12,11,10} python3; do
        "$PYTHON" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
            2>/dev/null && return
    done
    die "Odoo 19 needs Python 3.10 to 3.13 with venv and this machine has none."
}

make_venv() {
    local file
    rm -rf "$VENV"
    "$PYTHON" -m venv "$VENV"
    for file in "$@"; do
        # Every package is pinned, so nothing is resolved and nothing is built.
        "$VENV/bin/pip" install --disable-pip-version-check --no-deps --only-binary :all: -r "$file"
    done
    # The PDF engine with patched Qt, which prints headers and footers; there is one for x86-64 only.
    [ ! -e "$VENV/bin/wkhtmltopdf-pack" ] || ln -s wkhtmltopdf-pack "$VENV/bin/wkhtmltopdf"
    touch "$VENV/.complete"
}

# The real purchases of 2,357 customers of a music shop: sets CDNOW_FILE to the text file, if it can be had.
fetch_cdnow() {
    CDNOW_FILE=$CLM_CACHE/cdnow/CDNOW_sample.txt
    [ -e "$CDNOW_FILE" ] || download_cdnow >>"$CLM_LOG" 2>&1
}

download_cdnow() {
    local folder=${CDNOW_FILE%/*}
    mkdir -p "$folder" &&
        "$VENV/bin/pip" download --disable-pip-version-check --no-deps --dest "$folder" Lifetimes==0.11.3 &&
        "$VENV/bin/python" -m zipfile -e "$folder"/Lifetimes-*.whl "$folder/unpacked" &&
        mv "$folder/unpacked/lifetimes/datasets/CDNOW_sample.txt" "$CDNOW_FILE" &&
        rm -rf "$folder"/Lifetimes-*.whl "$folder/unpacked"
}
