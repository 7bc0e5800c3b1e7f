from odoo import SUPERUSER_ID, api

BATCH = 500


def migrate(cr, version):
    """Contracts that are in force already get a billing schedule from today on, and their recurring revenue.

    What they charged so far was billed elsewhere: the schedule begins with the first period that begins from today on.
    """
    env = api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True, "active_test": False})
    for company in env["res.company"]._lifecycle_companies():
        contracts = env["clm.contract"].with_company(company).search([
            ("company_id", "=", company.id), ("state", "in", ("signed", "active", "closed")), ("amends_id", "=", False),
        ])
        contracts.filtered(lambda contract: not contract.billing_from)._unlocked().write(
            {"billing_from": company._lifecycle_today()}
        )
        for start in range(0, len(contracts), BATCH):
            contracts[start:start + BATCH]._terms_changed()
