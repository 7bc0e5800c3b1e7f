# shellcheck shell=bash
# Loads the parts. The command that sources this has set CHECKOUT, the folder of the addon.
set -euo pipefail
umask 022
. "$CHECKOUT/scripts/lib/messages.sh"
. "$CHECKOUT/scripts/lib/machine.sh"
. "$CHECKOUT/scripts/lib/odoo.sh"
. "$CHECKOUT/scripts/lib/python.sh"
. "$CHECKOUT/scripts/lib/postgres.sh"
