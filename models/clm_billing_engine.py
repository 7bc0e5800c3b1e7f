import logging
from functools import cache

from odoo import api, fields, models, modules
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import config, split_every

_logger = logging.getLogger(__name__)

BATCH_SIZE = 100
MARK_SIZE = 5000
TRIES = 5


class ClmBillingEngine(models.AbstractModel):
    """Makes the invoices of what is due: in batches that several workers can share, each period once.

    A batch takes the contracts (or customers) that nobody else holds, makes their invoices and marks their rows in one
    transaction. What fails is tried in halves until the culprit is found; it is reported on its contract.
    """

    _name = "clm.billing.engine"
    _description = "Billing Engine"

    # === RUN === #

    @api.model
    def _run(self, contracts=None, date=None):
        """Bill what is due.

        With ``contracts``, everything happens in the current transaction, and contracts that are billed by hand count
        too. Without, each batch is committed (not in a test), and what another worker holds is left to it.

        :param contracts: ``clm.contract``; default: all that are billed automatically
        :param date date: bill what is planned until that day; default: today where each company is
        :return: ``account.move``, those that were made, in their order of creation
        """
        moves = self.env["account.move"]
        companies = contracts.company_id if contracts is not None else self.env["res.company"]._lifecycle_companies()
        for company in companies:
            own = contracts and contracts.filtered(lambda contract, company=company: contract.company_id == company)
            moves |= self._for_company(company)._run_company(company, date or company._lifecycle_today(), own)
        return moves.with_env(self.env)

    @api.model
    def _for_company(self, company):
        """:return: the engine, working for one company"""
        # sudo: rows are written by the engine alone; whoever starts it was asked for the right to bill
        return self.sudo().with_company(company).with_context(
            allowed_company_ids=company.ids, active_test=False, **self._quiet_context(),
        )

    @api.model
    def _quiet_context(self):
        """:return: context keys that spare work which nobody needs on an invoice that a machine makes"""
        return {"tracking_disable": True, "mail_create_nosubscribe": True}

    @api.model
    def _cron_bill(self):
        """Bill what is due in every company."""
        self._run()
        self._commit(0, 0)

    def _run_company(self, company, date, contracts=None):
        commits = contracts is None
        domain = self._prepare_schedule(company, date, contracts)
        moves = self._bill_keys(domain, self._keys(domain), commits)
        # afterwards: it would hold up workers that bill the same rows
        self._mark_due(self._reached_domain(company, date, contracts), commits)
        return moves

    def _bill_keys(self, domain, ids, commits=False):
        """Bill contracts, or customers, batch by batch, and keep a record of it.

        :param ids: list as of :meth:`_keys`
        :param bool commits: whether to commit each batch
        :return: ``account.move``
        """
        moves = self.env["account.move"]
        run = self.env["clm.billing.run"]._begin(len(ids))
        if commits and ids:
            self._commit(0, len(ids))  # what others do from here on is seen
        for done, batch in enumerate(split_every(BATCH_SIZE, ids), start=1):
            made, failed = self._bill_batch(domain, batch, commits)
            moves |= made
            run._progress(len(batch), made, failed)
            if commits and not self._commit(len(batch), max(len(ids) - done * BATCH_SIZE, 0)):
                break  # the cron goes on where this stops
        run._finish()
        return moves

    def _prepare_schedule(self, company, date, contracts=None):
        """Make the rows up to a day.

        :return: ``Domain`` of the rows that are to be billed
        """
        domain = self._due_domain(company, date, contracts)
        if contracts is not None:
            contracts.with_env(self.env)._sync_schedule(until=date)
        else:
            held = self._extend_schedules(company, date)
            if held and self._key_field() == "partner_id":  # rows of theirs may be missing on the invoice
                domain &= Domain("partner_id", "not in", held.commercial_partner_id.ids)
        self._forget_errors(company, date, contracts)
        return domain

    def _forget_errors(self, company, date, contracts=None):
        """What could not be billed and is due no longer (somebody skipped it, say) is an error no more."""
        own = Domain([("company_id", "=", company.id), ("cron_error", "!=", False)])
        if contracts is not None:
            own &= Domain("id", "in", contracts.ids)
        failed = self.env["clm.contract"].search(own)
        if failed:
            due = self.env["clm.installment"].search(self._due_domain(company, date, failed)).contract_id
            (failed - due)._drop_error("billing")

    def _mark_due(self, domain, commits):
        """Set the state of rows whose day has come and that are not billed: those of other workers are left alone."""
        planned = self.env["clm.installment"].search(domain & Domain("state", "=", "planned"), order="id")
        for batch in split_every(MARK_SIZE, planned.ids):
            rows = planned.browse(batch)
            self._retry(lambda rows=rows: rows._mark_due(), commits)
            if commits:
                self._commit(0, 1)

    def _extend_schedules(self, company, date):
        """Rows exist to the horizon: only a run for a day beyond it, or after missed days, has to make any.

        :return: ``clm.contract``, those that another worker holds
        """
        late = self.env["clm.contract"].search([
            ("company_id", "=", company.id), ("schedule_next", "!=", False),
            ("schedule_next", "<=", max(company._lifecycle_today(), fields.Date.subtract(
                date, months=company.clm_billing_horizon))),
        ])
        held = late.browse()
        for batch in split_every(BATCH_SIZE, late.ids):
            contracts = late.browse(batch)
            held |= contracts - self._retry(lambda contracts=contracts: self._extend_batch(contracts, date), True)
            self._commit(0, 1)
        return held

    def _extend_batch(self, contracts, date):
        """:return: ``clm.contract``, those that nobody else holds"""
        locked = contracts.try_lock_for_update()
        try:
            with self.env.cr.savepoint():
                locked._sync_schedule(until=date)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:  # it stands on the contract, as when the daily run fails to do this
            _logger.info("Billing: the schedule of %s contracts could not be made", len(locked), exc_info=True)
            if len(locked) == 1:
                self._report_failure(locked, error, "_extend_schedule")
            else:
                for contract in locked:
                    self._extend_batch(contract, date)
        return locked

    @api.model
    def _due_domain(self, company, date, contracts=None):
        """:return: ``Domain`` of the rows that are to be billed"""
        domain = self._reached_domain(company, date, contracts)
        return domain if contracts is not None else domain & Domain("contract_id.billing_mode", "=", "auto")

    def _reached_domain(self, company, date, contracts=None):
        """:return: ``Domain`` of the rows whose day has come, whoever bills them"""
        domain = Domain([
            ("company_id", "=", company.id), ("state", "in", ("planned", "due")), ("to_confirm", "=", False),
            ("date_planned", "<=", date), ("contract_id.state", "in", ("active", "closed")),
        ])
        return domain if contracts is None else domain & Domain("contract_id", "in", contracts.ids)

    def _keys(self, domain):
        """:return: list of what batches are made of: ids of contracts, or of customers where they share an invoice"""
        groups = self.env["clm.installment"]._read_group(domain, [self._key_field()])
        return sorted(record.id for record, in groups)

    @api.model
    def _key_field(self):
        return "partner_id" if self.env.company.clm_billing_grouping == "customer" else "contract_id"

    # === BATCH === #

    def _bill_batch(self, domain, ids, commits=False):
        """Bill the rows of some contracts, or customers.

        :param bool commits: whether the transaction is ours, so that a conflict with another worker can be tried again
        :return: pair: ``account.move``, ``clm.contract`` that failed
        """
        return self._retry(lambda: self._bill_rows(self._claim(domain, ids)), commits)

    def _retry(self, function, commits):
        """Do something, again after a conflict with another worker, if the transaction is ours."""
        for _attempt in range(TRIES - 1):
            try:
                return function()
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                if not commits or self._in_test():
                    raise
                _logger.info("Billing: somebody else changed the same contracts, trying again")
                self.env.cr.rollback()
        return function()

    def _claim(self, domain, ids):
        """:return: the due rows of these contracts or customers that no other worker holds, locked"""
        field = self._key_field()
        contracts = self.env["clm.installment"].search_fetch(
            domain & Domain(field, "in", ids), ["contract_id"],
        ).contract_id
        locked = contracts.try_lock_for_update(allow_referencing=True)
        if field == "partner_id":  # an invoice is made of all contracts of a customer, or not at all
            held = (contracts - locked).commercial_partner_id
            locked = locked.filtered(lambda contract: contract.commercial_partner_id not in held)
        # read again: whoever held them may have billed them
        return self.env["clm.installment"].search(domain & Domain("contract_id", "in", locked.ids))

    def _bill_rows(self, rows):
        groups = list(rows.grouped(lambda row: row._invoice_key()).values())
        # what failed before is tried apart: it holds up nobody else, day after day
        suspects = [group for group in groups if any(group.contract_id.mapped("cron_error"))]
        moves, failed = self._bill_groups([group for group in groups if group not in suspects])
        for group in suspects:
            made, broken = self._bill_groups([group])
            moves |= made
            failed |= broken
        # a contract that is to get several invoices has succeeded when it has got all of them
        (rows.contract_id - failed).filtered("cron_error")._drop_error("billing")
        return moves, failed

    def _bill_groups(self, groups):
        """Make the invoices of groups of rows; if that fails, of each half, so that one culprit stops nobody else."""
        moves, failed = self.env["account.move"], self.env["clm.contract"]
        if not groups:
            return moves, failed
        try:
            with self.env.cr.savepoint():
                return self._make_moves(groups), failed
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:  # whatever it is, it stands on the contract and stops nobody else
            _logger.info("Billing of %s invoices failed", len(groups), exc_info=True)
            if len(groups) == 1:
                return moves, self._report_failure(groups[0].contract_id, error)
        middle = len(groups) // 2
        for half in (groups[:middle], groups[middle:]):
            made, broken = self._bill_groups(half)
            moves |= made
            failed |= broken
        return moves, failed

    def _report_failure(self, contracts, error, step="billing"):
        message = self.env._("Billing failed: %(reason)s", reason=f"{error}".strip() or repr(error))
        with self.env.cr.savepoint():
            contracts._record_error(message, step)
        return contracts

    # === INVOICES === #

    def _make_moves(self, groups):
        """Make one invoice for each group of rows.

        :return: ``account.move``
        """
        zero = [rows for rows in groups if all(row.currency_id.is_zero(row.amount) for row in rows)]
        if zero:
            self.env["clm.installment"].union(*zero).write(
                {"state": "skipped", "reason": self.env._("Nothing to charge")}
            )
        groups = [rows for rows in groups if rows not in zero]
        if not groups:
            return self.env["account.move"]
        moves = self.env["account.move"].with_context(clm_billing=True).create(self._prepare_move_vals_list(groups))
        self._link(moves)
        if self.env.company.clm_billing_post:
            self._post(moves)
        return moves

    def _link(self, moves):
        """Mark the rows as billed, by the line that bills each."""
        lines = moves.invoice_line_ids
        rows = lines.clm_installment_id
        by_id = dict(zip(rows.ids, rows, strict=True))  # one prefetch for all
        for line in lines:
            sign = -1 if line.move_type in ("out_refund", "in_refund") else 1
            by_id[line.clm_installment_id.id].write({
                "state": "invoiced", "move_line_id": line.id, "amount": sign * line.price_subtotal,
            })
        note = self.env._("Made by the billing run.")
        moves._message_log_batch(bodies=dict.fromkeys(moves.ids, note))

    def _post(self, moves):
        moves.with_context(clm_billing=True)._post(soft=False)
        if self.env.company.clm_billing_send:
            self._send(moves)

    def _send(self, moves):
        """Let Odoo's own cron print and mail the customers' invoices."""
        user = self.env.user
        moves.filtered(lambda move: move.move_type in ("out_invoice", "out_refund")).sending_data = {
            "author_user_id": user.id, "author_partner_id": user.partner_id.id,
        }
        self.env.ref("account.ir_cron_account_move_send")._trigger()

    def _prepare_move_vals_list(self, groups):
        """Hook: values of the invoices.

        :param groups: list of ``clm.installment`` recordsets, each to be one invoice
        :return: list of dicts for ``account.move.create``
        :raise UserError: naming what the books lack
        """
        journal_of = cache(self._default_journal)
        distribute = self.env["account.analytic.distribution.model"].search_count([], limit=1)
        vals_list = []
        for rows in groups:
            contract = rows.contract_id[0]
            journal = contract.journal_id or journal_of(contract.direction, contract.currency_id)
            vals = rows._prepare_move_vals(journal)
            for _command, _id, line in vals["invoice_line_ids"]:
                if distribute and not line["analytic_distribution"]:
                    del line["analytic_distribution"]  # the models of the company say where it goes
            self._add_amounts(vals)
            vals_list.append(vals)
        return vals_list

    def _default_journal(self, direction, currency):
        """:return: ``account.journal``; :raise UserError: when the company has none"""
        company = self.env.company
        journals = self.env["account.journal"].search([
            *self.env["account.journal"]._check_company_domain(company), ("active", "=", True),
            ("type", "=", "purchase" if direction == "supplier" else "sale"),
        ])
        journal = journals.filtered(lambda journal: journal.currency_id == currency)[:1] or journals[:1]
        if not journal:
            raise UserError(self.env._(
                "%(company)s has no journal for these invoices. Make one in Invoicing.", company=company.name,
            ))
        return journal

    def _add_amounts(self, vals):
        """Give Odoo what it would otherwise write line by line: amounts and tax tags of each line.

        Odoo computes them again and corrects what differs: a hint that spares half of the time.
        """
        taxes, company = self.env["account.tax"], self.env.company
        currency = self.env["res.currency"].browse(vals["currency_id"])
        rate = currency._get_conversion_rate(company.currency_id, currency, company, vals["invoice_date"])
        lines = [line for _command, _id, line in vals["invoice_line_ids"]]
        base_lines = [
            taxes._prepare_base_line_for_taxes_computation(
                {}, id=number, product_id=self.env["product.product"].browse(line["product_id"]),
                tax_ids=taxes.browse(line["tax_ids"][0][2]), price_unit=line["price_unit"],
                quantity=line["quantity"], discount=line["discount"], currency_id=currency, rate=rate,
                sign=-1 if vals["move_type"] in ("out_invoice", "in_refund") else 1,
                is_refund=vals["move_type"] in ("out_refund", "in_refund"),
                partner_id=self.env["res.partner"].browse(vals["partner_id"]),
                account_id=self.env["account.account"].browse(line["account_id"]),
            )
            for number, line in enumerate(lines)
        ]
        taxes._add_tax_details_in_base_lines(base_lines, company)
        taxes._round_base_lines_tax_details(base_lines, company)
        taxes._add_accounting_data_in_base_lines_tax_details(base_lines, company)
        amounts = taxes._prepare_tax_lines(base_lines, company)["base_lines_to_update"]
        for line, (_base_line, update) in zip(lines, amounts, strict=True):
            line.update(update)

    # === TRANSACTION === #

    @api.model
    def _in_test(self):
        return bool(modules.module.current_test or config["test_enable"] or not self.env.registry.ready)

    def _commit(self, processed, remaining):
        """Commit what is done.

        :return: whether time is left
        """
        if self._in_test():
            return True  # tests, and demo data, are one transaction
        left = self.env["ir.cron"]._commit_progress(processed, remaining=remaining) > 0
        self.env.transaction.clear()
        return left

