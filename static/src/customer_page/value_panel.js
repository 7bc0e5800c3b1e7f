import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { Sparkline } from "../cockpit/sparkline";
import { Panel } from "./panel";
import { day, exactMoney, formatInteger, isKnown, money } from "./words";

/** What the customer is worth, and what is open. */
export class ValuePanel extends Component {
    static template = "clm.CustomerValue";
    static components = { Panel, Sparkline };
    static props = {
        value: Object,
        money: Object,
    };

    get currencyId() {
        return this.props.money.currency.id;
    }

    amount(name, label, note = "", tone = "") {
        const value = this.props.value[name];
        const title = exactMoney(value, this.currencyId) || _t("You may not see amounts");
        return { name, label, note, tone, title, text: money(value, this.currencyId), isAmount: true };
    }

    get tiles() {
        const { value } = this.props;
        const bought = value.purchases_year;
        return [
            this.amount("lifetime", _t("Lifetime value"), _t("expected, after direct cost")),
            this.amount("mrr", _t("Per month"), _t("from contracts")),
            this.amount("revenue_year", _t("Last 12 months"), _t("%s in all", money(value.revenue, this.currencyId))),
            {
                name: "purchases",
                label: _t("Purchases"),
                text: formatInteger(value.purchases),
                note: bought === 1 ? _t("1 in 12 months") : _t("%s in 12 months", formatInteger(bought)),
            },
            this.amount("average", _t("Average purchase")),
            this.amount("open", _t("Open"), _t("not paid, with taxes")),
            this.overdue,
        ];
    }

    get overdue() {
        const { overdue_count: count, overdue_since: since } = this.props.value;
        if (!count) {
            return this.amount("overdue", _t("Overdue"), _t("nothing is late"), "good");
        }
        const values = { count: formatInteger(count), since: day(since) };
        const note = count === 1 ? _t("1 invoice, since %(since)s", values) : _t("%(count)s invoices, since %(since)s", values);
        return this.amount("overdue", _t("Overdue"), note, "late");
    }

    get scope() {
        return _t("without taxes, in %s", this.props.money.currency.name);
    }

    get hasTrend() {
        return this.props.value.months.some(({ value }) => isKnown(value) && value);
    }
}
