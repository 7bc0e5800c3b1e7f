from odoo import api, fields, models
from odoo.tools import format_amount, format_date, formatLang

#: Rows of each table, so that the summary stays on one page.
CONTRACTS, DATES, ANSWERS, PRODUCTS, EVENTS = 4, 4, 2, 5, 10
COMMENT_LENGTH = 200
LABEL_LENGTH = 70


class ReportClmCustomerSummary(models.AbstractModel):
    """One page about a customer to take along to a visit: the same data as on the customer page."""

    _name = "report.clm.report_customer_summary"
    _description = "Customer Summary to Print"

    @api.model
    def _get_report_values(self, docids, data=None):
        page = self.env["clm.customer.page"]
        # some callers send the records in the context only
        ids = docids or self.env.context.get("active_ids") or []
        customers = self.env["res.partner"].union(*map(page._customer, ids))
        return {
            "doc_ids": customers.ids,
            "doc_model": "res.partner",
            "docs": customers,
            "company": self.env.company,
            "summaries": {customer: self._summary(page._page(customer)) for customer in customers},
        }

    # === WORDS === #

    @api.model
    def _day(self, text):
        """:param str text: a day, or a moment in UTC"""
        if not text:
            return ""
        moment = fields.Datetime.to_datetime(text) if len(text) > 10 else None
        day = fields.Datetime.context_timestamp(self, moment).date() if moment else fields.Date.to_date(text)
        return format_date(self.env, day)

    @api.model
    def _amount(self, value):
        return "–" if value is None else format_amount(self.env, value, self.env.company.currency_id)

    @api.model
    def _number(self, value):
        return formatLang(self.env, value, digits=0 if value == round(value) else 2)

    @api.model
    def _short(self, text, length):
        text = " ".join((text or "").split())
        return text if len(text) <= length else text[:length - 1] + "…"

    # === PARTS === #

    @api.model
    def _summary(self, page):
        """Hook: what the summary shows, as texts.

        :param dict page: as ``clm.customer.page`` gives it
        """
        return {
            "name": page["header"]["name"], "today": self._day(page["today"]),
            "currency": page["money"]["currency"]["name"],
            "is_shown": page["money"]["is_shown"],
            "stage": self._stage(page["stage"]), "path": self._path(page["stage"]),
            "who": self._who(page["header"]),
            "actions": page["actions"],
            "value": self._value(page["value"]), "care": self._care(page),
            "contracts": [self._contract(row) for row in page["contracts"]["rows"][:CONTRACTS]],
            "dates": [self._date(row) for row in page["deadlines"]["rows"][:DATES]],
            "answers": [self._answer(row) for row in page["feedback"]["answers"][:ANSWERS]],
            "products": [self._product(row) for row in page["products"]["products"][:PRODUCTS]],
            "events": [self._event(row) for row in page["timeline"]["entries"][:EVENTS]],
        }

    @api.model
    def _stage(self, stage):
        if not stage:
            return self.env._("Not in the lifecycle")
        text = self.env._("%(stage)s since %(day)s", stage=stage["name"], day=self._day(stage["since"]))
        return self.env._("%(stage)s, longer than expected", stage=text) if stage["is_overdue"] else text

    @api.model
    def _path(self, stage):
        return ", ".join(
            self.env._("%(stage)s (%(days)s days)", stage=step["name"], days=step["days"])
            for step in (stage["path"] if stage else ())
        )

    @api.model
    def _who(self, header):
        salesperson = header["salesperson"]["name"] if header["salesperson"] else self.env._("nobody")
        facts = [
            header["place"], header["phone"], header["email"],
            self.env._("Salesperson: %(name)s", name=salesperson), ", ".join(tag["name"] for tag in header["tags"]),
        ]
        return " · ".join(filter(None, facts))

    @api.model
    def _value(self, value):
        """:return: list of pairs: what it is, how much"""
        late = self._amount(value["overdue"])
        if value["overdue_count"]:
            late = self.env._("%(amount)s, since %(day)s", amount=late, day=self._day(value["overdue_since"]))
        return [
            (self.env._("Lifetime value"), self._amount(value["lifetime"])),
            (self.env._("Per month, from contracts"), self._amount(value["mrr"])),
            (self.env._("Last 12 months"), self._amount(value["revenue_year"])),
            (self.env._("Since the beginning"), self._amount(value["revenue"])),
            (self.env._("Purchases"), self._number(value["purchases"])),
            (self.env._("Open invoices"), self._amount(value["open"])),
            (self.env._("Overdue"), late if value["overdue_count"] else self.env._("nothing")),
        ]

    @api.model
    def _care(self, page):
        """:return: list of pairs about health and rhythm"""
        health, rhythm = page["health"] or {}, page["rhythm"] or {}
        bands = {
            "red": self.env._("at risk"), "yellow": self.env._("to watch"), "green": self.env._("healthy"),
        }
        known = health.get("score") is not None
        pairs = [(
            self.env._("Health"),
            self.env._("%(score)s of 100, %(band)s", score=health["score"], band=bands[health["band"]])
            if known else self.env._("not known"),
        )]
        if known:
            worst = sorted((part for part in health["parts"] if part["value"] is not None and part["text"]),
                           key=lambda part: part["value"])[:2]
            pairs += [(part["name"], part["text"]) for part in worst]
        if rhythm.get("segment"):
            pairs.append((self.env._("Segment"), rhythm["segment"]))
        if rhythm.get("days"):
            pairs.append((self.env._("Usually buys every"), self.env._("%(count)s days", count=rhythm["days"])))
        pairs.append((self.env._("Last purchase"), self._day(page["value"]["last_purchase"]) or self.env._("none")))
        if rhythm.get("next"):
            pairs.append((self.env._("Next purchase expected"), self._day(rhythm["next"])))
        return pairs + self._people(page)

    @api.model
    def _people(self, page):
        """:return: list of pairs about hand-overs that wait, and referrals"""
        pairs = [
            (self.env._("Handed over to"), self.env._("%(name)s, not answered yet", name=row["to"]))
            for row in page["handovers"] if row["state"] == "pending"
        ][:1]
        referrals = page["referrals"]
        if referrals["brought_by"]:
            pairs.append((self.env._("Brought by"), referrals["brought_by"]["name"]))
        if referrals["brought"]:
            names = ", ".join(row["name"] for row in referrals["brought"][:3])
            pairs.append((self.env._("Brought us"), self._short(names, LABEL_LENGTH)))
        return pairs

    @api.model
    def _contract(self, row):
        until = self._day(row["end"]) or self.env._("no end")
        return {
            "name": self._short(f"{row['number']} {row['name']}", LABEL_LENGTH), "state": row["state_label"],
            "until": self.env._("%(day)s, decide now", day=until) if row["is_due"] else until,
            "yearly": self._amount(row["yearly"]),
        }

    @api.model
    def _date(self, row):
        day = self._day(row["date"])
        return {
            "day": self.env._("%(day)s, late", day=day) if row["days"] < 0 else day,
            "name": self._short(row["name"], LABEL_LENGTH), "kind": row["kind_label"], "owner": row["owner"],
        }

    @api.model
    def _answer(self, row):
        return {
            "score": self.env._("%(score)s of %(best)s", score=self._number(row["score"]), best=row["scale"]),
            "who": ", ".join(filter(None, (row["kind_label"], row["who"], self._day(row["date"])))),
            "comment": self._short(row["comment"], COMMENT_LENGTH),
        }

    @api.model
    def _product(self, row):
        return {
            "name": self._short(row["name"], LABEL_LENGTH), "number": self._number(row["quantity"]),
            "last": self._day(row["last"]), "amount": self._amount(row["amount"]),
        }

    @api.model
    def _event(self, entry):
        bought = ", ".join(
            item["name"] if item["quantity"] == 1 else f"{self._number(item['quantity'])} x {item['name']}"
            for item in entry["lines"]["items"]
        )
        return {
            "day": self._day(entry["day"]), "kind": entry["kind_label"],
            "what": self._short(" ".join(filter(None, (entry["label"], entry["stage"], bought))), LABEL_LENGTH),
            "amount": self._amount(entry["amount"]) if entry["amount"] is not None else "",
        }
