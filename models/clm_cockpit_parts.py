from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..const import MRR_KINDS
from ..tools import kpi_periods

#: Rows of the lists.
LIST_LENGTH = 6
COHORTS_SHOWN = 12
MAX_AGE = 999
#: Changes of the waterfall that are shown also where nothing happened.
ALWAYS_SHOWN = ("new", "expansion", "contraction", "churn")


class ClmCockpit(models.AbstractModel):
    """Funnel, cohorts, waterfall and the lists of what needs somebody today, and the records behind them."""

    _inherit = "clm.cockpit"

    # === SNAPSHOTS === #

    @api.model
    def _snapshots(self, view, kind, month=None):
        domain = [("company_id", "in", view["companies"].ids), ("kind", "=", kind)]
        if month:
            domain.append(("date_from", "=", month.start))
        return self.env["clm.kpi.snapshot"].search(domain)

    @api.model
    def _month(self, view):
        """:return: the month in which the period ends, or in which we are"""
        return self.env["clm.kpi"]._period_of(
            kpi_periods.MONTH, min(view["period"].end, view["today"]), view["main"])

    @api.model
    def _team_key(self, view):
        return str(view["team"].id) if view["team"] else ""

    # === FUNNEL === #

    @api.model
    def _prepare_funnel(self, view):
        """The funnel of the 12 months until the end of the period, as the funnel page counts it, in both variants."""
        snapshots = self._snapshots(view, "funnel", self._month(view))
        variants = [
            {
                "key": "strict", "label": self.env._("Strict"),
                "help": self.env._("Who entered the first stage in the last 12 months and then each stage in order."),
            },
            {
                "key": "any", "label": self.env._("Any stage"),
                "help": self.env._("Whoever stood in the stage at some time in the last 12 months."),
            },
        ]
        for variant in variants:
            variant["stages"] = self._prepare_funnel_stages(view, snapshots, variant["key"])
        if not any(stage["count"] for variant in variants for stage in variant["stages"]):
            return None
        return {"variants": variants}

    @api.model
    def _prepare_funnel_stages(self, view, snapshots, variant):
        counts = {}
        for snapshot in snapshots:
            drawn = (snapshot.data or {}).get(variant, {}).get(self._team_key(view), {})
            for stage, customers in drawn.items():
                counts[int(stage)] = counts.get(int(stage), 0) + customers
        stages = self.env["clm.stage"].browse(self.env["clm.funnel.report"]._stage_ids())
        numbers = [counts.get(stage.id, 0) for stage in stages]
        return [
            {
                "id": stage.id, "name": stage.name, "count": number,
                "rate": following / number if number and following is not None else None,
                "cumulative": number / numbers[0] if numbers[0] else None,
            }
            for stage, number, following in zip(stages, numbers, [*numbers[1:], None], strict=True)
        ]

    @api.model
    def _open_funnel(self, key, view):
        """:param key: id of a stage, or dict of it as ``stage`` and the ``variant``"""
        key = key if isinstance(key, dict) else {"stage": key}
        stage = self._parse_stage(key.get("stage"))
        start, stop = self.env["clm.kpi.snapshot"]._funnel_limits(self._month(view), view["main"])
        of_stage = Domain("stage_id", "=", stage.id)
        funnel = self.env["clm.funnel.report"]
        if key.get("variant") == "any":
            rows = funnel._get_any_domain(start, stop) & Domain("superseded_at", "=", False) & of_stage
            return self._customers(stage.name, Domain("lifecycle_visit_ids", "any", list(rows)), view)
        rows = funnel._get_strict_domain(start, stop) & of_stage
        return self._customers(stage.name, Domain("lifecycle_funnel_ids", "any", list(rows)), view)

    @api.model
    def _customers(self, name, domain, view):
        """:return: action of customers of the companies and the team of the page"""
        return self._window(
            name, "res.partner", domain & self._customer_scope(view), {"active_test": False, "create": False},
        )

    @api.model
    def _customer_scope(self, view):
        main = self.env["res.company"]._lifecycle_companies()[:1]
        companies = [*view["companies"].ids, *([False] if main in view["companies"] else [])]
        team = Domain("user_id.sale_team_id", "=", view["team"].id) if view["team"] else Domain.TRUE
        return Domain("company_id", "in", companies) & team

    # === COHORTS === #

    @api.model
    def _prepare_cohorts(self, view):
        """None for a team: customers of a cohort may belong to several."""
        if view["team"]:
            return None
        last = fields.Date.start_of(min(view["period"].end, view["today"]), "month")
        first = fields.Date.subtract(last, months=COHORTS_SHOWN - 1)
        cells = {}
        for snapshot in self._snapshots(view, "cohorts"):
            rate = self._convert(view, snapshot.company_id, 1.0, last)
            for month, age, customers, amount in snapshot.data or ():
                day = fields.Date.to_date(month)
                if first <= day <= last and fields.Date.add(day, months=age) <= last:
                    cell = cells.setdefault(day, {}).setdefault(age, [0, 0.0])
                    cell[0] += customers
                    cell[1] += rate * amount
        if not cells:
            return None
        return {"ages": list(range(COHORTS_SHOWN)), "rows": [
            self._prepare_cohort(day, cells[day], last) for day in sorted(cells)
        ]}

    @api.model
    def _prepare_cohort(self, day, cells, last):
        customers, amount = cells.get(0, (0, 0.0))
        ages = (last.year - day.year) * 12 + last.month - day.month
        return {
            "month": fields.Date.to_string(day),
            "label": self.env["clm.kpi"]._period_label(kpi_periods.MONTH, day, self.env.company),
            "customers": customers,
            "cells": [
                {
                    "age": age, "customers": back, "amount": money,
                    "retention": back / customers if customers else None,
                    "revenue": money / amount if amount > 0 else None,
                }
                for age in range(ages + 1) for back, money in [cells.get(age, (0, 0.0))]
            ],
        }

    @api.model
    def _open_cohort(self, key, view):
        key = key if isinstance(key, dict) else {}
        month, age = self._parse_day(key.get("month")), key.get("age")
        if not month or type(age) is not int or not 0 <= age <= MAX_AGE:
            raise UserError(self.env._("There is nothing to open here."))
        label = self.env["clm.kpi"]._period_label(kpi_periods.MONTH, month, view["main"])
        return self._window(
            self.env._("First bought in %(month)s, month %(age)s after", month=label, age=age), "res.partner",
            [("lifecycle_cohort", "=", f"{fields.Date.start_of(month, 'month')}/{age}")],
            {"active_test": False, "create": False, "allowed_company_ids": view["companies"].ids},
        )

    # === WATERFALL === #

    @api.model
    def _prepare_waterfall(self, view):
        """MRR before the period, its changes, and at its end; None if there never was any."""
        first, last = view["period"].start, min(view["period"].end, view["today"])
        start, steps = 0.0, dict.fromkeys(dict(MRR_KINDS), 0.0)
        found = False
        for company in view["companies"]:
            domain = Domain("company_id", "=", company.id) & self._movement_team(view)
            Movement = self.env["clm.mrr.movement"]
            before = Movement._read_group(domain & Domain("date", "<", first), [], ["value:sum", "__count"])[0]
            moved = Movement._read_group(
                domain & Domain("date", ">=", first) & Domain("date", "<=", last), ["kind"], ["value:sum"])
            rate = self._convert(view, company, 1.0, last)
            found = found or bool(before[1] or moved)
            start += rate * (before[0] or 0.0)
            for kind, value in moved:
                steps[kind] += rate * value
        if not found:
            return None
        labels = dict(self.env["clm.mrr.movement"]._fields["kind"]._description_selection(self.env))
        rounded = view["currency"].round
        return {"steps": [
            {"key": "start", "label": self.env._("At start"), "value": rounded(start), "is_total": True},
            *(
                {"key": kind, "label": labels[kind], "value": rounded(value), "is_total": False}
                for kind, value in steps.items() if rounded(value) or kind in ALWAYS_SHOWN
            ),
            {
                "key": "end", "label": self.env._("At end"), "value": rounded(start + sum(steps.values())),
                "is_total": True,
            },
        ]}

    @api.model
    def _movement_team(self, view):
        return Domain("contract_id.team_id", "=", view["team"].id) if view["team"] else Domain.TRUE

    @api.model
    def _open_waterfall(self, key, view):
        first, last = view["period"].start, min(view["period"].end, view["today"])
        domain = Domain("company_id", "in", view["companies"].ids) & self._movement_team(view)
        if key == "start":
            domain &= Domain("date", "<", first)
        elif key == "end":
            domain &= Domain("date", "<=", last)
        else:
            domain &= Domain([("date", ">=", first), ("date", "<=", last), ("kind", "=", key)])
        return self._window(self.env._("Revenue Movements"), "clm.mrr.movement", domain)

    # === TO DO === #

    @api.model
    def _contract_scope(self, view):
        team = Domain("team_id", "=", view["team"].id) if view["team"] else Domain.TRUE
        return Domain("company_id", "in", view["companies"].ids) & team

    @api.model
    def _prepare_decisions(self, view):
        """Contracts whose renewal is to be decided now."""
        domain = Domain("decision_due", "=", True) & self._contract_scope(view)
        contracts = self.env["clm.contract"].search(domain, order="date_notice, id", limit=LIST_LENGTH)
        return {
            "count": self.env["clm.contract"].search_count(domain),
            "rows": [
                {
                    "id": contract.id, "name": contract.name, "partner": contract.partner_id.display_name,
                    "date": fields.Date.to_string(contract.date_notice or contract.date_end) or "",
                    "days": ((contract.date_notice or contract.date_end) - view["today"]).days,
                    "value": self._in_currency(contract, contract.acv, view),
                }
                for contract in contracts
            ],
        }

    @api.model
    def _in_currency(self, contract, amount, view):
        return contract.currency_id._convert(amount, view["currency"], contract.company_id, view["today"])

    @api.model
    def _open_decisions(self, key, view):
        if key:
            return self._one("clm.contract", key)
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_contract_action_decision")
        domain = Domain("decision_due", "=", True) & self._contract_scope(view)
        return {**action, "domain": list(domain)}

    @api.model
    def _one(self, model, record_id):
        record = self.env[model].browse(self._parse_id(record_id)).exists()
        record.check_access("read")
        return record._get_records_action()

    @api.model
    def _prepare_rotting(self, view):
        """How many are longer in their stage than expected there."""
        found = {}
        for snapshot in self._snapshots(view, "rotting"):
            for stage, (overdue, total) in (snapshot.data or {}).get(self._team_key(view), {}).items():
                row = found.setdefault(int(stage), [0, 0])
                row[0] += overdue
                row[1] += total
        stages = self.env["clm.stage"].search([("rotting_threshold_days", ">", 0)])
        rows = [
            {"id": stage.id, "name": stage.name, "count": found[stage.id][0], "total": found[stage.id][1],
             "days": stage.rotting_threshold_days}
            for stage in stages if stage.id in found
        ]
        return {"rows": rows} if rows else None

    @api.model
    def _open_rotting(self, key, view):
        stage = self._parse_stage(key)
        domain = Domain([
            ("lifecycle_cycle", ">", 0), ("lifecycle_stage_id", "=", stage.id), ("lifecycle_is_rotting", "=", True),
        ])
        action = self._customers(stage.name, domain, view)
        action["context"].pop("active_test")
        return action
