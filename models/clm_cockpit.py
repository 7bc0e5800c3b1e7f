from datetime import date

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from ..tools import kpi_math, kpi_periods
from .clm_kpi_history import HISTORY_QUARTERS
from .clm_kpi_measure import FAMILY_MODELS, MEASURES, NO_TOTAL, parts_of, source_of
from .clm_kpi_refresh import KINDS

#: Points of a sparkline, and periods to choose from.
TREND_LENGTH = 12
MAX_ID = 2**31 - 1
#: Nothing is shown before.
FIRST_DAY = date(2000, 1, 1)
CHOICES = {kpi_periods.WEEK: 53, kpi_periods.MONTH: 25, kpi_periods.QUARTER: 9}


class ClmCockpit(models.AbstractModel):
    """The page that people open every morning, from values that are stored already.

    It is read with the rights of the user: stored values, contracts and customers of their companies. Money is in the
    currency of the company that the user works in; values of several companies are added up part by part.
    """

    _name = "clm.cockpit"
    _description = "Cockpit"

    @api.model
    @api.readonly
    def get_cockpit(self, options=None):
        """What the page shows.

        :param dict options: ``period`` (kind), ``date`` (a day of it), ``company_ids``, ``team_id``; what is missing or
            may not be chosen is replaced by what one would expect
        :return: dict, see static/src/cockpit
        """
        self._check_viewer()
        view = self._view(options)
        return {
            "options": {
                "period": view["period"].kind, "date": fields.Date.to_string(view["period"].start),
                "company_ids": view["companies"].ids, "team_id": view["team"].id or None,
            },
            **self._prepare_choices(view),
            "sections": self._prepare_sections(view),
            "funnel": self._prepare_funnel(view),
            "cohorts": self._prepare_cohorts(view),
            "waterfall": self._prepare_waterfall(view),
            "decisions": self._prepare_decisions(view),
            "risks": self._prepare_risks(view),
            "rotting": self._prepare_rotting(view),
        }

    @api.model
    def refresh(self, options=None):
        """Compute the running and the previous periods of the companies now.

        :raise AccessError: for those who may only look
        """
        if not self.env.user.has_group("clm.group_user"):
            raise AccessError(self.env._("You may look at the cockpit. Its numbers are computed anew every night."))
        view = self._view(options)
        for company in view["companies"]:
            self.env["clm.kpi"]._refresh_now(company)

    @api.model
    def _check_viewer(self):
        if not self.env.user.has_group("clm.group_viewer"):
            raise AccessError(self.env._("Ask your administrator for the right to see the customer lifecycle."))

    # === OPTIONS === #

    @api.model
    def _view(self, options):
        """:return: dict: ``period``, ``companies`` (the first one says today and the fiscal year), ``team``, ``today``,
            ``currency``
        """
        options = options if isinstance(options, dict) else {}
        wanted = options.get("company_ids")
        chosen = {each for each in wanted if type(each) is int} if isinstance(wanted, list | tuple) else ()
        companies = self.env.companies.filtered(lambda company: company.id in chosen) or self.env.companies
        main = companies[:1] if self.env.company not in companies else self.env.company
        companies = main | companies
        today = main._lifecycle_today()
        kind = options.get("period") if options.get("period") in KINDS else kpi_periods.MONTH
        team_id = options.get("team_id")
        team = self._teams(companies).filtered(lambda team: type(team_id) is int and team.id == team_id)
        day = max(min(self._parse_day(options.get("date")) or today, today), FIRST_DAY)
        return {
            "companies": companies, "main": main, "team": team, "today": today, "rates": {},
            "currency": self.env.company.currency_id, "period": self.env["clm.kpi"]._period_of(kind, day, main),
        }

    @api.model
    def _parse_id(self, key):
        """:return: the id that the page sent
        :raise UserError: if it is none
        """
        if type(key) is not int or not 0 < key <= MAX_ID:
            raise UserError(self.env._("There is nothing to open here."))
        return key

    @api.model
    def _parse_stage(self, key):
        """:return: the stage of which the page sent the id
        :raise UserError: if there is none
        """
        stage = self.env["clm.stage"].browse(self._parse_id(key)).exists()
        if not stage:
            raise UserError(self.env._("There is nothing to open here."))
        return stage

    @api.model
    def _parse_day(self, text):
        try:
            return fields.Date.to_date(text or False) or None
        except (TypeError, ValueError, AttributeError) as error:
            raise UserError(self.env._("Enter the day as year-month-day, such as 2026-01-31.")) from error

    @api.model
    def _teams(self, companies):
        # sudo: names of teams, for people without rights on sales
        return self.env["crm.team"].sudo().search([("company_id", "in", [False, *companies.ids])])

    @api.model
    def _prepare_choices(self, view):
        kpi, period, main = self.env["clm.kpi"], view["period"], view["main"]
        year_start, running = kpi._year_start(main), kpi._period_of(period.kind, view["today"], main)
        choices = [kpi_periods.shift(running, -back, year_start) for back in range(CHOICES[period.kind])]
        if period not in choices:
            choices.append(period)
        computed = [moment for moment in view["companies"].mapped("clm_kpi_computed_at") if moment]
        filled = min(view["companies"].mapped("clm_kpi_quarters"))
        return {
            "period": {
                "kind": period.kind, "date_from": fields.Date.to_string(period.start),
                "date_to": fields.Date.to_string(period.end),
                "label": kpi._period_label(period.kind, period.start, main),
                "is_open": period.end >= view["today"], "elapsed": kpi_periods.elapsed(period, view["today"]),
            },
            "kinds": [{"key": key, "label": label} for key, label in kpi._labels("period").items()],
            "periods": [
                {"date": fields.Date.to_string(each.start), "label": kpi._period_label(each.kind, each.start, main)}
                for each in choices
            ],
            "companies": [{"id": company.id, "name": company.name} for company in self.env.companies],
            "teams": [{"id": team.id, "name": team.name} for team in self._teams(view["companies"])],
            "currency": {"id": view["currency"].id, "name": view["currency"].name},
            "computed_at": fields.Datetime.to_string(min(computed)) if computed else None,
            "progress": None if filled > HISTORY_QUARTERS else filled / (HISTORY_QUARTERS + 1),
            "can_refresh": self.env.user.has_group("clm.group_user"),
        }

    # === KPIS === #

    @api.model
    def _prepare_sections(self, view):
        kpis = self.env["clm.kpi"].search([("company_id", "in", [False, *view["companies"].ids])])
        rows = self._values(view, kpis)
        sections, labels = {}, kpis._labels("section")
        for kpi in kpis:
            key, name = kpi.section, labels[kpi.section]
            if kpi.section == "stage":
                key, name = f"stage_{kpi.stage_id.id or 0}", kpi.stage_id.name or self.env._("Customers")
            section = sections.setdefault(key, {"key": key, "name": name, "kpis": []})
            section["kpis"].append(self._prepare_kpi(view, kpi, rows.get(kpi, {})))
        return list(sections.values())

    @api.model
    def _trend_periods(self, view):
        year_start = self.env["clm.kpi"]._year_start(view["main"])
        return [
            kpi_periods.shift(view["period"], -back, year_start)
            for back in range(view.get("length", TREND_LENGTH) - 1, -1, -1)
        ]

    @api.model
    def _trend(self, view):
        """:return: list of pairs: ``Period`` and its name, oldest first; all KPIs of the page share it"""
        if "trend" not in view:
            label = self.env["clm.kpi"]._period_label
            view["trend"] = [
                (period, label(period.kind, period.start, view["main"])) for period in self._trend_periods(view)
            ]
        return view["trend"]

    @api.model
    def _values(self, view, kpis):
        """:return: dict of KPI -> dict of first day -> list of values, one per company"""
        days = [period.start for period in self._trend_periods(view)]
        found = {}
        values = self.env["clm.kpi.value"].search_fetch([
            ("kpi_id", "in", kpis.ids), ("company_id", "in", view["companies"].ids),
            ("team_id", "=", view["team"].id), ("period", "=", view["period"].kind), ("date_from", "in", days),
        ], ["kpi_id", "company_id", "date_from", "value", "is_known", "numerator", "denominator", "low", "high",
            "has_interval", "goal", "has_goal", "status", "variant", "date_to"])
        for value in values:
            found.setdefault(value.kpi_id, {}).setdefault(value.date_from, []).append(value)
        return found

    @api.model
    def _prepare_kpi(self, view, kpi, by_day):
        trend = []
        for period, label in self._trend(view):
            numbers = self._combine(view, kpi, period, by_day.get(period.start, ()))
            trend.append({"label": label, "value": numbers["value"], "goal": numbers["goal"]})
        before = trend[-2]["value"]
        return {
            **numbers,
            "id": kpi.id, "code": kpi.code, "name": kpi.name, "unit": kpi.unit, "direction": kpi.direction,
            "attainment": kpi_math.attainment(numbers["value"], numbers["goal"], kpi.direction),
            "change": kpi_math.change(numbers["value"], before),
            "trend": trend,
            "formula": kpi.formula or "", "source": kpi.source or "",
            "variant": self._variant(view, kpi, by_day),
            "owner": kpi.sudo().user_id.name or "",  # sudo: a name
            "can_open": numbers["value"] is not None and self._can_open(kpi),
            "parts": self._prepare_parts(view, kpi),
        }

    @api.model
    def _variant(self, view, kpi, by_day):
        """:return: the definition with which the values of the period were computed, in the language of the user unless
            it was another one than that of today
        """
        stored = next((value.variant for value in by_day.get(view["period"].start, ()) if value.variant), None)
        same = not stored or stored == kpi.with_context(lang=None).variant
        return (kpi.variant if same else stored) or ""

    @api.model
    def _combine(self, view, kpi, period, values):
        """Add up the values of several companies, in the currency of the company of the user.

        What is no sum and no ratio (a median) has no total over companies, and goals are added up only where each
        company has one and values are sums.

        :return: dict: ``value``, ``numerator``, ``denominator``, ``low``, ``high``, ``goal``, ``status``
        """
        nothing = dict.fromkeys(("value", "numerator", "denominator", "low", "high", "goal"), None)
        if not values:
            return {**nothing, "status": kpi_math.NA}
        if len(values) == 1:
            return self._of_one(view, kpi, values[0])
        measure = MEASURES.get(kpi.measure)
        if kpi.measure in NO_TOTAL:
            return {**nothing, "status": kpi_math.NA}
        parts = [
            [self._rate(view, kpi, value, is_part) * number if value.is_known or number else None
             for is_part, number in ((True, value.numerator), (False, value.denominator))]
            for value in values
        ]
        is_ratio = kpi.aggregate in ("avg", "share") if kpi.is_custom else bool(measure.denominator)
        if not is_ratio:
            parts = [(numerator, None) for numerator, _denominator in parts]
        numerator, denominator = kpi_math.combine(parts)
        total = kpi_math.ratio(numerator, denominator) if is_ratio else numerator
        interval = None
        if total is not None and any(value.has_interval for value in values):
            interval = kpi_math.wilson(numerator, denominator)
        goal = None
        if kpi.is_cumulative and all(value.has_goal for value in values):
            goal = sum(self._rate(view, kpi, value, True) * value.goal for value in values)
        return {
            "value": total, "numerator": numerator, "denominator": denominator,
            "low": interval[0] if interval else None, "high": interval[1] if interval else None, "goal": goal,
            "status": kpi_math.status(
                total, goal, kpi.direction, cumulative=kpi.is_cumulative,
                elapsed=kpi._days_over(period, view["today"]), interval=interval,
                cases=denominator, least_cases=getattr(measure, "least", 0),
            ),
        }

    @api.model
    def _of_one(self, view, kpi, value):
        rate = self._rate(view, kpi, value, True)
        known = value.is_known
        return {
            "value": rate * value.value if known else None,
            "numerator": rate * value.numerator if known else None,
            "denominator": self._rate(view, kpi, value, False) * value.denominator if known and (
                value.denominator or kpi.is_custom) else None,
            "low": value.low if value.has_interval else None, "high": value.high if value.has_interval else None,
            "goal": rate * value.goal if value.has_goal else None,
            "status": value.status or kpi_math.NA,
        }

    @api.model
    def _rate(self, view, kpi, value, is_numerator):
        """:return: what turns the numerator or denominator of a value into the currency of the page; 1 if no money"""
        measure = MEASURES.get(kpi.measure)
        is_money = is_numerator if kpi.unit == "money" else getattr(measure, "money", False)
        return self._convert(view, value.company_id, 1.0, min(value.date_to, view["today"])) if is_money else 1.0

    @api.model
    def _convert(self, view, company, amount, day):
        """:return: an amount of a company in the currency of the page, at the rate of a day"""
        currency = company.currency_id
        if currency == view["currency"]:
            return amount
        if (currency, day) not in view["rates"]:
            view["rates"][currency, day] = self.env["res.currency"]._get_conversion_rate(
                currency, view["currency"], self.env.company, day)
        return amount * view["rates"][currency, day]

    @api.model
    def _can_open(self, kpi):
        """:return: whether the user may read the records behind a KPI"""
        if kpi.is_custom:
            model = kpi.sudo().model_id.model  # sudo: models are readable by system administrators only
            return model in self.env and self.env[model].has_access("read")
        return self.env[FAMILY_MODELS[source_of(kpi.measure).family]].has_access("read")

    @api.model
    def _prepare_parts(self, view, kpi):
        if parts := parts_of(kpi.measure):
            names = self._measure_names(view)
            return [
                {"key": key, "label": names.get(code, code)}
                for key, code in zip(("numerator", "denominator"), parts, strict=True)
            ]
        measure = MEASURES.get(kpi.measure)
        if getattr(measure, "part", "") or (kpi.is_custom and kpi.aggregate == "share"):
            return [
                {"key": "numerator", "label": self.env._("Those that count")},
                {"key": "denominator", "label": self.env._("All of them")},
            ]
        return []

    @api.model
    def _measure_names(self, view):
        """:return: dict of built-in measure -> name of its KPI, also of one that is archived; all KPIs share it"""
        if "names" not in view:
            kpis = self.env["clm.kpi"].with_context(active_test=False).search(
                [("measure", "!=", False)], order="id desc")  # of copies, the original
            view["names"] = {kpi.measure: kpi.name for kpi in kpis}
        return view["names"]

    # === RECORDS === #

    @api.model
    @api.readonly
    def get_action(self, part, key=None, options=None):
        """The records behind a number of the page, with the rights of the user.

        :param str part: kpi, funnel, cohort, waterfall, decisions, risks or rotting
        :param key: which number of it
        :return: action
        :raise UserError: when there is nothing to open
        :raise AccessError: when the user may not read the records
        """
        self._check_viewer()
        opener = {
            "kpi": self._open_kpi, "funnel": self._open_funnel, "cohort": self._open_cohort,
            "waterfall": self._open_waterfall, "decisions": self._open_decisions, "risks": self._open_risks,
            "rotting": self._open_rotting,
        }.get(part if isinstance(part, str) else None)
        if not opener:
            raise UserError(self.env._("There is nothing to open here."))
        return opener(key, self._view(options))

    @api.model
    def _open_kpi(self, key, view):
        key = key if isinstance(key, dict) else {"id": key}
        kpi = self.env["clm.kpi"].browse(self._parse_id(key.get("id")))
        values = self.env["clm.kpi.value"].search([
            ("kpi_id", "=", kpi.id), ("company_id", "in", view["companies"].ids), ("team_id", "=", view["team"].id),
            ("period", "=", view["period"].kind), ("date_from", "=", view["period"].start),
        ])
        if not values:
            raise UserError(self.env._("There is no value for this period, so there are no records behind it."))
        part = key.get("part")
        return values._records_action(part if part in ("numerator", "denominator") else "")

    @api.model
    def _window(self, name, model, domain, context=None, views=((False, "list"), (False, "form"))):
        self.env[model].check_access("read")
        return {
            "type": "ir.actions.act_window", "name": name, "res_model": model, "domain": list(Domain(domain)),
            "views": [list(each) for each in views], "context": context or {},
        }
