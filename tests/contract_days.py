from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from freezegun import configure, freeze_time

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import SQL

from .contract_common import ContractCase

configure(extend_ignore_list=["hypothesis"])  # it times itself


def day(text):
    return date.fromisoformat(text)


class ContractDaysCase(ContractCase):
    """Contracts at any day. The company's days are those of UTC; contracts of the database (demo) do not run.

    ``at`` stops the clock at noon of a day, ``run`` is the daily run of that day.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.company.lifecycle_tz = "UTC"
        cls.env.cr.execute(SQL("UPDATE clm_contract SET state = 'cancelled'"))
        cls.env.cr.execute(SQL("UPDATE clm_obligation SET next_open_on = NULL"))
        cls.env.invalidate_all()
        # no signatures and no clauses: what is tried here is the calendar
        cls.calendar_type = cls._create_type(
            clauses=cls.env["clm.clause"], name="Calendar", signature_required="none", renewal_policy="manual",
        )
        cls.seller = cls._create_user("c-seller", "sales_team.group_sale_manager")
        cls.reason = cls.env["clm.close.reason"].create({"name": "Moved away"})
        cls.contracts = cls.env["clm.contract"]

    @contextmanager
    def at(self, moment):
        """Stop the clock.

        :param moment: a date, or its text (noon UTC); or a datetime in UTC
        """
        if isinstance(moment, str):
            moment = day(moment)
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, time(12))
        with freeze_time(moment):
            yield
            self.env.flush_all()  # what is to be computed is that day's

    def run_on(self, moment):
        """The daily run of a day.

        :return: how much it did
        """
        with self.at(moment):
            done = self.contracts._cron_daily()
        self.env.flush_all()
        return done

    @contextmanager
    def _refuse(self, sentence):
        """What is refused is rolled back, as in a request."""
        with self.assertRaises(UserError) as caught:
            yield
        self.assertRegex(str(caught.exception), sentence)

    def _create_running(self, start, on=None, **vals):
        """Create a contract of ``calendar_type`` and put it into force.

        :param start: first day, as text
        :param on: the day on which that is done; default: the first day
        """
        with self.at(on or start):
            contract = self._create_contract(**{
                "type_id": self.calendar_type.id, "date_start": day(start), "notice_count": 0, **vals,
            })
            contract.action_activate()
        return contract

    def _chain(self, contract):
        """:return: the contract and all that follow it, in order"""
        chain = contract
        while chain[-1].next_id:
            chain += chain[-1].next_id
        return chain

    def _activities(self, record, xmlid=None):
        """:return: activities that are not done, of one type or of all"""
        activities = self.env["mail.activity"].search([
            ("res_model", "=", record._name), ("res_id", "in", record.ids),
        ], order="id")
        kind = xmlid and self.env.ref(f"clm.mail_activity_{xmlid}")
        return activities.filtered(lambda activity: not kind or activity.activity_type_id == kind)

    def _notices(self, contract):
        """:return: summaries of what the owner was asked to look at"""
        return self._activities(contract, "contract").mapped("summary")

    def _assert_tiled(self, chain):
        """Each contract begins the day after the one before ended."""
        for before, after in pairwise(chain):
            self.assertEqual(after.date_start, before.date_end + timedelta(days=1), (before, after))

    def _line(self, **vals):
        return Command.create(self._prepare_line(**vals))

    def _amend(self, contract, date, end=None, reason="Change", **vals):
        """Draft an amendment, as the owner of the contract does it."""
        amendment = contract._amend(day(date), end=end and day(end), reason=reason)
        if vals:
            amendment.write(vals)
        return amendment
