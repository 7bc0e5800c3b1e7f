from hashlib import sha256

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import split_every

from .clm_billing_engine import BATCH_SIZE


class ClmBillingEngine(models.AbstractModel):
    """Where OCA ``queue_job`` is installed, the run is split into jobs that its workers share."""

    _inherit = "clm.billing.engine"

    @api.model
    def _cron_bill(self):
        if "queue.job" not in self.env:
            super()._cron_bill()
            return
        for company in self.env["res.company"]._lifecycle_companies():
            self._for_company(company)._delay_company(company, company._lifecycle_today())

    def _delay_company(self, company, date):
        """Queue one job per batch. A batch that waits already is not queued twice.

        :return: list of the jobs
        """
        domain = self._prepare_schedule(company, date)
        jobs = []
        for batch in split_every(BATCH_SIZE, self._keys(domain)):
            key = sha256(f"{company.id} {date} {list(batch)}".encode()).hexdigest()
            jobs.append(self.with_delay(
                identity_key=f"clm-billing-{key}",
                description=self.env._("Bill contracts of %(company)s", company=company.name),
            )._bill_job(company.id, fields.Date.to_string(date), list(batch)))
        self._mark_due(self._reached_domain(company, date), commits=True)
        return jobs

    def _bill_job(self, company_id, date, ids):
        """A job: bill some contracts, or customers, in one transaction; ``queue_job`` repeats it after a conflict.

        :param str date: as of ``_run``
        :return: text for the job's result
        """
        company = self.env["res.company"].browse(company_id)
        engine = self._for_company(company)
        domain = engine._due_domain(company, fields.Date.to_date(date)) & Domain(engine._key_field(), "in", ids)
        moves = engine._bill_keys(domain, ids)
        return self.env._("%(count)s invoices", count=len(moves))
