from odoo import models
from odoo.tools import SQL


class ClmContract(models.Model):
    """Customer contracts are events of the customer's lifecycle, as documents like any other."""

    _name = "clm.contract"
    _inherit = ["clm.contract", "clm.signal.mixin"]

    _clm_signal_fields = frozenset({
        "state", "partner_id", "company_id", "activated_on", "closed_on", "close_reason", "previous_id",
    })

    def _clm_signals(self, fnames):
        """Only what was once in force makes events; supplier contracts and amendments make none."""
        return self.filtered(
            lambda contract: contract.direction == "customer" and contract.activated_on and not contract.amends_id
        )


class ClmEvent(models.Model):
    _inherit = "clm.event"
    _depends = {
        "clm.contract": [
            "partner_id", "company_id", "direction", "state", "activated_on", "closed_on", "closed_at", "close_reason",
            "previous_id", "amends_id", "name", "title",
        ],
    }

    def _event_sources(self, partners):
        return [
            *super()._event_sources(partners),
            self._event_contract_starts(partners),
            self._event_contract_ends(partners),
        ]

    def _event_contract_starts(self, partners):
        """Contracts put into force; one that follows another is its renewal."""
        return self._event_source(
            SQL(
                """
                FROM clm_contract k JOIN %s p ON p.id = k.partner_id
                WHERE k.direction = 'customer' AND k.activated_on IS NOT NULL AND k.amends_id IS NULL
                """,
                partners,
            ),
            "clm.contract", SQL("k.id"), self._event_contract_day(SQL("k.activated_on")),
            (SQL("k.previous_id IS NULL"), "contract_start", "contract_renewal"), SQL("k.company_id"),
            label=self._event_contract_label(),
        )

    def _event_contract_ends(self, partners):
        """Contracts that ended without a renewal: at the end of their last day, never before they began."""
        end = SQL(
            "GREATEST(%s, LEAST(%s, k.closed_at))",
            self._event_contract_day(SQL("k.activated_on")), self._event_contract_day(SQL("k.closed_on + 1")),
        )
        return self._event_source(
            SQL(
                """
                FROM clm_contract k JOIN %s p ON p.id = k.partner_id
                WHERE k.direction = 'customer' AND k.activated_on IS NOT NULL AND k.amends_id IS NULL
                  AND k.state = 'closed' AND k.close_reason IN ('expired', 'terminated')
                """,
                partners,
            ),
            "clm.contract", SQL("k.id"), end, "contract_end", SQL("k.company_id"),
            label=self._event_contract_label(),
        )

    def _event_contract_day(self, day):
        """:return: SQL: the UTC instant at which a day begins at the contract's company"""
        zone = self._event_timezone(SQL("k.company_id"))
        return SQL("((%s)::timestamp AT TIME ZONE %s AT TIME ZONE 'UTC')", day, zone)

    def _event_contract_label(self):
        return SQL("concat_ws(' ', k.name, k.title)")
