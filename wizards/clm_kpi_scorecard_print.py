from collections import Counter
from functools import partial

from odoo import api, models
from odoo.tools import format_date, format_datetime, formatLang

from ..tools import kpi_math
from ..tools.trend_line import draw_trend

#: Of the trend chart, in pixels.
WIDTH, HEIGHT = 112, 22
#: Statuses in the order in which the summary counts them.
ORDER = (kpi_math.ON, kpi_math.OFF, kpi_math.FEW, kpi_math.NO_GOAL, kpi_math.NA)


class ClmKpiScorecard(models.TransientModel):
    """What the PDF says, as texts and coordinates."""

    _inherit = "clm.kpi.scorecard"

    def _print_values(self):
        """:return: dict of what the PDF shows; its main company says currency and language of numbers"""
        scorecard = self._scoped()
        view = scorecard._view()
        sections = [
            {"name": section["name"], "rows": [scorecard._print_row(view, section, kpi) for kpi in section["kpis"]]}
            for section in scorecard._sections(view)
        ]
        rows = [row for section in sections for row in section["rows"]]
        return {
            "heading": scorecard._print_heading(view),
            "counts": scorecard._print_counts(rows),
            "misses": [row for row in rows if row["status"] == kpi_math.OFF],
            "sections": sections,
            "width": WIDTH, "height": HEIGHT,
        }

    def _print_heading(self, view):
        period, kpi, today = view["period"], self.env["clm.kpi"], view["today"]
        computed = [moment for moment in view["companies"].mapped("clm_kpi_computed_at") if moment]
        zone = self.env["res.company"]._lifecycle_timezones()[view["main"].id]
        return {
            "companies": ", ".join(view["companies"].mapped("name")),
            "period": kpi._period_label(period.kind, period.start, view["main"]),
            "days": kpi._period_text(period),
            "is_open": period.end >= today,
            "team": view["team"].name or "",
            "currency": view["currency"].name,
            "today": format_date(self.env, today),
            "computed": format_datetime(self.env, min(computed), tz=zone) if computed else "",
        }

    def _print_counts(self, rows):
        """:return: list of dicts: how many KPIs have each status; n/a only if there are any"""
        counts = Counter(row["status"] for row in rows)
        labels = self.env["clm.kpi"]._labels("status")
        return [
            {"status": status, "label": labels[status], "count": counts[status]}
            for status in ORDER if counts[status] or status != kpi_math.NA
        ]

    def _print_row(self, view, section, kpi):
        """:param dict kpi: as the cockpit shows it"""
        shown = partial(self.env["clm.kpi"]._format_value, unit=kpi["unit"], currency=view["currency"])
        trend = kpi["trend"]
        return {
            "section": section["name"], "name": kpi["name"], "owner": kpi["owner"],
            "value": shown(kpi["value"]),
            "goal": shown(kpi["goal"]) if kpi["goal"] is not None else "",
            "attainment": self._percent(kpi["attainment"], digits=0),
            "status": kpi["status"], "status_label": self.env["clm.kpi"]._labels("status")[kpi["status"]],
            "interval": self._print_interval(kpi, shown),
            "change": self._percent(kpi["change"], sign=True),
            "trend": draw_trend(
                [point["value"] for point in trend], [point["goal"] for point in trend], WIDTH, HEIGHT,
            ),
            "trend_text": f"{trend[0]['label']} – {trend[-1]['label']}" if trend else "",
            "formula": kpi["formula"], "source": kpi["source"], "variant": kpi["variant"],
            "unit": self.env["clm.kpi"]._labels("unit")[kpi["unit"]],
            "direction": self.env["clm.kpi"]._labels("direction")[kpi["direction"]],
        }

    def _print_interval(self, kpi, shown):
        if kpi["status"] != kpi_math.FEW or kpi["low"] is None:
            return ""
        return self.env._("between %(low)s and %(high)s", low=shown(kpi["low"]), high=shown(kpi["high"]))

    @api.model
    def _percent(self, ratio, digits=1, sign=False):
        """:return: a ratio in percent, such as "+5.0 %", empty if there is none"""
        if ratio is None:
            return ""
        ratio = round(ratio, digits + 2)
        number = formatLang(self.env, ratio * 100, digits=digits)
        return self.env._("%(number)s %%", number=f"+{number}" if sign and ratio > 0 else number)
