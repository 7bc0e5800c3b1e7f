from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime

from .clm_contract_print import HIGH_HEADING


class ReportClmContractRedline(models.AbstractModel):
    """The redline of a version as PDF: against the version before, or against ``data["old"]`` (an id, or nothing)."""

    _name = "report.clm.report_contract_redline"
    _description = "Redline to Print"

    @api.model
    def _get_report_values(self, docids, data=None):
        data = data or {}
        # with options, the web client sends the records in the context only
        versions = self.env["clm.contract.version"].browse(docids or self.env.context.get("active_ids") or ())
        older = versions.browse(int(data["old"] or 0)).exists() if "old" in data else None
        return {
            "doc_ids": versions.ids,
            "doc_model": versions._name,
            "docs": versions,
            "older": {version: version._older(older) for version in versions},
        }


class ClmContractVersion(models.Model):
    _inherit = "clm.contract.version"

    def _older(self, other=None):
        """:return: the version to compare with, none for the first one

        :param other: ``clm.contract.version`` to compare with; default: the version before
        :raise UserError: when the other one belongs to another contract
        """
        self.ensure_one()
        if other is None:
            return self.contract_id.version_ids.filtered(
                lambda version: version.number < self.number
            ).sorted("number")[-1:]
        other.check_access("read")
        if other and other.contract_id != self.contract_id:
            raise UserError(self.env._("Only versions of one contract can be compared."))
        return other

    def _print_values(self, older):
        """Hook: everything that the printed redline shows.

        :param older: ``clm.contract.version``, may be empty
        """
        self.ensure_one()
        change = self._redline(older)
        contract = self.contract_id
        return {
            "contract": contract.display_name,
            "old": older._print_label() if older else "",
            "new": self._print_label(),
            "note": self.note or "",
            "inserted": change.inserted,
            "deleted": change.deleted,
            "same": change.same,
            "html": contract._print_body(change.html, HIGH_HEADING),
            "terms": contract._changed_terms(older.terms, self.terms) if older else [],
            "lines": contract._changed_lines(contract, older.terms, self.terms) if older else [],
        }

    def _print_label(self):
        """:return: "Version 2, Azure Interior, 3 May 2026 10:15" """
        return self.env._(
            "Version %(number)s, %(author)s, %(date)s",
            number=self.number,
            author=self.author_name or "",
            date=format_datetime(self.env, self.date, tz=self.contract_id._print_zone(), dt_format="short"),
        )
