import os
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from statistics import median
from unittest import skipUnless
from zoneinfo import ZoneInfo

from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL

SAMPLE = Path(os.environ.get("CLM_CDNOW_FILE", ""))
YEAR = timedelta(days=365)
UTC = ZoneInfo("UTC")
ZONE = ZoneInfo("America/New_York")


def read_days(path, last_day):
    """Read the sample without any code of the addon or of the loader.

    :return: dict of customer -> sorted list of the days of purchase, moved so that the latest is ``last_day``
    """
    days = defaultdict(set)
    for line in path.read_text().splitlines():
        customer, day = line.split()[1:3]
        days[customer].add(date(int(day[:4]), int(day[4:6]), int(day[6:])))
    offset = last_day - max(day for bought in days.values() for day in bought)
    return {customer: sorted(day + offset for day in bought) for customer, bought in days.items()}


def last_stage(days, today):
    """Where a customer with purchases on these days stands, as DESIGN.md tells it for the seed policy."""
    stage = 0
    for number, day in enumerate(days):
        if number and day - days[number - 1] >= YEAR:
            stage = 0  # had lapsed, and came back
        in_a_year = sum(day - YEAR < other <= day for other in days)
        stage = max(stage, 3 if in_a_year >= 5 else 2 if number else 1)
    return "lapsed" if today - days[-1] >= YEAR else ("conversion", "retention", "loyalty")[stage - 1]


def won_back(days):
    return sum(later - earlier >= YEAR for earlier, later in pairwise(days))


@skipUnless(SAMPLE.is_file(), "The CDNOW sample is not here (scripts/test downloads it and sets CLM_CDNOW_FILE)")
@tagged("-at_install", "post_install")
class TestCdnow(TransactionCase):
    """The lifecycle of 2,357 real customers equals what a plain reading of the text file gives."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.lifecycle_tz = ZONE.key
        cls.env.cr.execute(SQL("DELETE FROM clm_queue"))
        cls.today = datetime.now(ZONE).date()
        yesterday = cls.today - timedelta(days=1)
        cdnow = import_module("cdnow")
        cls.purchases = cdnow.shift_to(cdnow.read_purchases(SAMPLE), yesterday)
        cls.loader = cdnow.Loader(cls.env)
        for _progress in cls.loader.load(cls.purchases):
            pass
        cls.env["clm.lifecycle.engine"]._process_queue()
        cls.customers = cls.env["res.partner"].search([("category_id", "=", cls.loader.tag.id)])
        cls.days = read_days(SAMPLE, yesterday)

    def _first_entries(self, stage):
        """:return: dict of partner id -> the moment it entered the stage for the first time"""
        visits = self.env["clm.visit"].search(
            [("partner_id", "in", self.customers.ids), ("stage_id", "=", self.env.ref(f"clm.stage_{stage}").id)],
            order="number desc",
        )
        return {visit.partner_id.id: visit.entered_at for visit in visits}

    def _local_day(self, moment):
        return moment.replace(tzinfo=UTC).astimezone(ZONE).date()

    def test_stage_counts_equal_plain_reading(self):
        names = {self.env.ref(f"clm.stage_{name}"): name for name in ("conversion", "retention", "loyalty", "lapsed")}
        counted = Counter(names.get(partner.lifecycle_stage_id, "elsewhere") for partner in self.customers)
        self.assertEqual(counted, Counter(last_stage(days, self.today) for days in self.days.values()))

    def test_cycles_equal_plain_reading(self):
        counted = Counter(self.customers.mapped("lifecycle_cycle"))
        self.assertEqual(counted, Counter(1 + won_back(days) for days in self.days.values()))

    def test_number_of_repeat_customers_equals_plain_reading(self):
        repeat = sum(len(days) > 1 for days in self.days.values())
        self.assertEqual(len(self._first_entries("retention")), repeat)

    def test_median_days_to_second_purchase_equals_plain_reading(self):
        first, second = self._first_entries("conversion"), self._first_entries("retention")
        gaps = [(self._local_day(second[partner]) - self._local_day(first[partner])).days for partner in second]
        expected = median((days[1] - days[0]).days for days in self.days.values() if len(days) > 1)
        self.assertEqual(median(gaps), expected)

    def test_purchases_are_numbered_per_customer(self):
        numbers = Counter(
            self.env["sale.order"].search([("partner_id", "in", self.customers.ids)]).mapped("purchase_number")
        )
        bought = Counter(purchase.customer for purchase in self.purchases)
        self.assertEqual(numbers, Counter(number for times in bought.values() for number in range(1, times + 1)))

    def test_loading_again_adds_nothing(self):
        orders = self.env["sale.order"].search_count([])
        for _progress in self.loader.load(self.purchases[:1000]):
            pass
        tagged_customers = [("category_id", "=", self.loader.tag.id)]
        self.assertEqual(self.env["res.partner"].search_count(tagged_customers), len(self.customers))
        self.assertEqual(self.env["sale.order"].search_count([]), orders)
