import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { formatInteger, formatMonetary } from "@web/views/fields/formatters";
import { formatRatio } from "../ratio/ratio";
import { isKnown } from "./figures";

const LEVELS = 8;

/**
 * @param {number|null} value
 * @param {number} highest the value that gets the strongest colour; what is above it gets that too
 * @returns {number} 0 (nothing) to 8
 */
export function heatLevel(value, highest) {
    if (!isKnown(value) || value <= 0 || highest <= 0) {
        return 0;
    }
    return Math.min(LEVELS, Math.ceil((LEVELS * value) / highest));
}

/** Which share of the customers of a month came back in the months after, or which share of the first revenue. */
export class CohortMap extends Component {
    static template = "clm.CohortMap";
    static props = {
        cohorts: Object,
        currencyId: Number,
        open: Function,
    };

    setup() {
        this.measures = [
            ["retention", _t("By customers")],
            ["revenue", _t("By revenue")],
        ];
        this.state = useState({ measure: "retention" });
    }

    /** The first month is always 100 %: colours tell the months after it apart. */
    get highest() {
        const values = this.props.cohorts.rows
            .flatMap(({ cells }) => cells)
            .filter((cell) => cell.age > 0 && isKnown(cell[this.state.measure]))
            .map((cell) => cell[this.state.measure]);
        return Math.max(0, ...values);
    }

    get rows() {
        const { ages, rows } = this.props.cohorts;
        const { measure } = this.state;
        const highest = this.highest;
        return rows.map((row) => {
            const cells = new Map(row.cells.map((cell) => [cell.age, cell]));
            return {
                ...row,
                cells: ages.map((age) => {
                    const cell = cells.get(age);
                    return cell && isKnown(cell[measure])
                        ? { age, text: formatRatio(cell[measure]), level: heatLevel(cell[measure], highest), title: this.describe(row, cell) }
                        : { age, text: "" };
                }),
            };
        });
    }

    describe(row, cell) {
        const values = {
            month: row.label,
            age: cell.age,
            customers: formatInteger(cell.customers),
            all: formatInteger(row.customers),
            amount: formatMonetary(cell.amount, { currencyId: this.props.currencyId }),
        };
        return this.state.measure === "retention"
            ? _t("%(month)s, month %(age)s: %(customers)s of %(all)s customers bought", values)
            : _t("%(month)s, month %(age)s: revenue %(amount)s", values);
    }

    get legend() {
        const highest = formatRatio(this.highest);
        return _t("The stronger the colour, the higher the share; the strongest stands for %s and more.", highest);
    }

    count(value) {
        return formatInteger(value);
    }

    openCell(row, age) {
        this.props.open("cohort", { month: row.month, age });
    }
}
