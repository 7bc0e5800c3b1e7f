import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { Panel } from "./panel";
import { day, formatInteger } from "./words";

/** Who hands the customer over to whom, and who brought whom. */
export class PeoplePanel extends Component {
    static template = "clm.CustomerPeople";
    static components = { Panel };
    static props = {
        handovers: Array,
        referrals: { type: [Object, { value: null }], optional: true },
        open: Function,
    };

    get handovers() {
        return this.props.handovers.map((row) => ({
            ...row,
            on: day(row.date),
            path: row.from ? _t("%(from)s to %(to)s", { from: row.from, to: row.to }) : _t("to %s", row.to),
        }));
    }

    get brought() {
        return this.props.referrals.brought.map((row) => ({ ...row, on: day(row.date) }));
    }

    get more() {
        const { count, brought } = this.props.referrals;
        return count > brought.length ? _t("and %s more", formatInteger(count - brought.length)) : "";
    }

    get hasReferrals() {
        const { referrals } = this.props;
        return Boolean(referrals && (referrals.brought_by || referrals.brought.length));
    }
}
