from odoo.tools import SQL
from odoo.tools.sql import column_exists, create_column


def pre_init_hook(env):
    """Add the column of the stage before Odoo does, which would compute it for every contact during installation."""
    if not column_exists(env.cr, "res_partner", "lifecycle_stage_id"):
        create_column(env.cr, "res_partner", "lifecycle_stage_id", "int4")


def post_init_hook(env):
    """Start the reconstruction of every customer's history.

    Only queues the customers (one statement) and wakes the cron, so that installing on a
    database with years of data returns at once. The cron does the work in batches and its
    progress is shown in the Lifecycle app.
    """
    env["clm.lifecycle.engine"]._enqueue_all()


def uninstall_hook(env):
    """Remove what Odoo would not: settings without XML id, and contracts, which refuse to be deleted one by one."""
    env.flush_all()
    env.cr.execute("UPDATE clm_contract SET previous_id = NULL, amends_id = NULL, signed_attachment_id = NULL")
    children = ("clm_claim", "clm_obligation", "clm_contract_signature", "clm_contract_audit", "clm_contract_approval")
    for table in children:
        env.cr.execute(SQL("DELETE FROM %s", SQL.identifier(table)))
    env.cr.execute("DELETE FROM clm_contract")
    env.invalidate_all(flush=False)
    # sudo: parameters are writable by system administrators only
    env["ir.config_parameter"].sudo().search([("key", "=like", "clm.%")]).unlink()
