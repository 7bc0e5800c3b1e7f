from odoo import api, models
from odoo.fields import Domain

from ..tools.transitions import ACTIVE, CANCELLED, CLOSED, SIGNED

#: Rows of the lists.
CONTRACTS_SHOWN = 8
DEADLINES_SHOWN = 6
#: Contracts of which the deadlines are looked up: the newest ones that go on.
CONTRACTS_WATCHED = 200


class ClmCustomerPage(models.AbstractModel):
    """The contracts with the customer and their dates to watch, with the rights of the user."""

    _inherit = "clm.customer.page"

    @api.model
    def _contract_domain(self, customer):
        return [
            ("commercial_partner_id", "=", customer.id), ("direction", "=", "customer"), ("amends_id", "=", False),
            ("state", "!=", CANCELLED), ("company_id", "in", self.env.companies.ids),
        ]

    @api.model
    def _prepare_contracts(self, customer):
        """Those in force first, then those on their way, then the closed ones."""
        Contract = self.env["clm.contract"]
        domain = self._contract_domain(customer)
        counts = dict(Contract._read_group(domain, ["state"], ["__count"]))
        contracts = Contract.search([*domain, ("state", "in", (ACTIVE, SIGNED))], limit=CONTRACTS_SHOWN)
        for states in ((ACTIVE, SIGNED, CLOSED), (CLOSED,)):
            if len(contracts) < CONTRACTS_SHOWN:
                others = [("state", "not in" if ACTIVE in states else "in", states)]
                contracts |= Contract.search(domain + others, order="id desc", limit=CONTRACTS_SHOWN - len(contracts))
        around = {
            "labels": dict(Contract._fields["state"]._description_selection(self.env)),
            "rates": {currency: self._rate(currency) for currency in contracts.currency_id},
        }
        return {
            "count": sum(counts.values()),
            "in_force": counts.get(ACTIVE, 0) + counts.get(SIGNED, 0),
            "rows": [self._prepare_contract(contract, around) for contract in contracts],
        }

    @api.model
    def _prepare_contract(self, contract, around):
        today = contract.company_id._lifecycle_today()
        end = contract.date_end if contract.state in (ACTIVE, SIGNED) else None
        return {
            "id": contract.id, "number": contract.name, "name": contract.title or contract.name,
            "state": contract.state, "state_label": around["labels"][contract.state],
            "start": self._day(contract.date_start),
            "end": self._day(contract.closed_on or contract.date_end),
            "days_left": (end - today).days if end else None,
            "is_due": contract.decision_due,
            "note": contract.decision_note or "",
            "yearly": self._money(around["rates"][contract.currency_id] * contract.acv),
        }

    @api.model
    def _prepare_deadlines(self, customer):
        """What is to be done next under the contracts, what is late first, and how many of our obligations are late."""
        contracts = self.env["clm.contract"].search(
            self._contract_domain(customer), order="id desc", limit=CONTRACTS_WATCHED)
        deadlines = self.env["clm.deadline"].search(
            [("contract_id", "in", contracts.ids)], limit=DEADLINES_SHOWN) if contracts else ()
        labels = dict(self.env["clm.deadline"]._fields["kind"]._description_selection(self.env))
        return {
            "rows": [self._prepare_deadline(deadline, labels) for deadline in deadlines],
            **self._prepare_missed(contracts),
        }

    @api.model
    def _prepare_deadline(self, deadline, labels):
        record = deadline.claim_id or deadline.obligation_id or deadline.contract_id
        return {
            "id": deadline.id, "kind": deadline.kind, "kind_label": labels[deadline.kind], "name": deadline.name,
            "date": self._day(deadline.date),
            "days": (deadline.date - deadline.company_id._lifecycle_today()).days,
            "owner": deadline.user_id.sudo().name or "",  # sudo: a name
            "model": record._name, "res_id": record.id,
        }

    @api.model
    def _prepare_missed(self, contracts):
        """:return: dict: number of our obligations past their day under contracts in force, id of the oldest"""
        missed = [
            ("contract_id", "in", contracts.ids), ("contract_state", "in", (SIGNED, ACTIVE)), ("side", "=", "us"),
            ("state", "=", "open"), ("date_due", "<", self.env.company._lifecycle_today()),
        ]
        first = self.env["clm.obligation"].search(missed, limit=1) if contracts else self.env["clm.obligation"]
        return {
            "missed": self.env["clm.obligation"].search_count(missed) if first else 0,
            "missed_id": first.id or None,
        }

    # === RENEWAL === #

    @api.model
    def _undecided(self, customer):
        """:return: the contract in force of which the last day for notice comes next, if nobody decided about it"""
        return self.env["clm.contract"].search([
            *self._running_domain(customer), ("decision", "=", False),
            ("date_notice", ">=", self.env.company._lifecycle_today()),
        ], order="date_notice, id", limit=1)

    @api.model
    def _expiring(self, customer):
        """:return: the contract in force that ends next and is to be renewed, by hand or as somebody decided"""
        today = self.env.company._lifecycle_today()
        by_hand = Domain([
            ("decision", "=", False), ("renewal_policy", "=", "manual"), ("date_notice", "<", today),
        ])
        return self.env["clm.contract"].search(
            Domain(self._running_domain(customer)) & (by_hand | Domain("decision", "=", "renew"))
            & Domain("date_end", ">=", today),
            order="date_end, id", limit=1)

    @api.model
    def _running_domain(self, customer):
        return [*self._contract_domain(customer), ("state", "=", ACTIVE), ("next_id", "=", False)]
