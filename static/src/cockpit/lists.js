import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { deserializeDate, formatDate } from "@web/core/l10n/dates";
import { formatInteger } from "@web/views/fields/formatters";
import { formatDaysLeft, formatFigure, isKnown } from "./figures";
import { DueList } from "./due_list";

/** What waits for somebody: decisions about contracts, customers at risk, customers who stand too long. */
export class CockpitLists extends Component {
    static template = "clm.CockpitLists";
    static components = { DueList };
    static props = {
        data: Object,
        open: Function,
    };

    /** Not every row has a value: nothing then, "n/a" would be noise. */
    money(value) {
        return isKnown(value) ? formatFigure(value, "money", this.props.data.currency.id) : "";
    }

    get decisions() {
        return this.props.data.decisions.rows.map((row) => ({
            id: row.id,
            name: row.name,
            note: row.partner,
            cells: [
                { text: row.date ? formatDate(deserializeDate(row.date)) : "" },
                { text: formatDaysLeft(row.days), isLate: row.days < 0 },
                { text: this.money(row.value) },
            ],
        }));
    }

    get risks() {
        return this.props.data.risks.rows.map((row) => ({
            id: row.id,
            name: row.name,
            note: row.reason,
            cells: [{ text: this.money(row.value) }],
        }));
    }

    get rotting() {
        return this.props.data.rotting.rows.map((row) => ({
            id: row.id,
            name: row.name,
            note: _t("expected: %s", formatFigure(row.days, "days")),
            cells: [{ text: this.share(row), isLate: row.count > 0 }],
        }));
    }

    share({ count, total }) {
        return _t("%(count)s of %(total)s", { count: formatInteger(count), total: formatInteger(total) });
    }

    get columns() {
        return {
            decisions: [_t("Contract"), _t("Deadline"), _t("Time left"), _t("Value")],
            risks: [_t("Customer"), _t("Value")],
            rotting: [_t("Stage"), _t("Too long")],
        };
    }
}
