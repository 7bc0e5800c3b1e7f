import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { formatDaysLeft } from "../cockpit/figures";
import { Panel } from "./panel";
import { day, exactMoney, formatInteger, isKnown, money } from "./words";

const NEAR = 100; // days; an end further away is told by its date alone

/** The contracts and what is to be done about them. */
export class ContractsPanel extends Component {
    static template = "clm.CustomerContracts";
    static components = { Panel };
    static props = {
        contracts: Object,
        deadlines: Object,
        money: Object,
        open: Function,
    };

    get summary() {
        const { count, in_force: inForce } = this.props.contracts;
        return count ? _t("%(inForce)s of %(count)s in force", { inForce: formatInteger(inForce), count: formatInteger(count) }) : "";
    }

    get rows() {
        const currencyId = this.props.money.currency.id;
        return this.props.contracts.rows.map((row) => ({
            ...row,
            until: row.end ? day(row.end) : _t("no end"),
            left: isKnown(row.days_left) && row.days_left < NEAR ? formatDaysLeft(row.days_left) : "",
            value: money(row.yearly, currencyId),
            title: exactMoney(row.yearly, currencyId),
        }));
    }

    get deadlines() {
        return this.props.deadlines.rows.map((row) => ({
            ...row,
            on: day(row.date),
            left: formatDaysLeft(row.days),
            isLate: row.days < 0,
        }));
    }
}
