import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { formatFigure, isKnown } from "./figures";

const WIDTH = 120;
const HEIGHT = 32;
const MARGIN = 3;

/**
 * Lines of a small trend chart. A period without a value leaves a gap; a value between two gaps is a dot.
 *
 * @param {{value: number|null, goal: number|null}[]} trend oldest first
 * @returns {{value: string, goal: string, dots: string, last: string}} SVG paths; `last` is a dot on the last value
 */
export function sparkPaths(trend) {
    const known = trend.flatMap(({ value, goal }) => [value, goal]).filter(isKnown);
    const low = Math.min(...known);
    const range = Math.max(...known) - low;
    const x = (index) => MARGIN + (index * (WIDTH - 2 * MARGIN)) / Math.max(1, trend.length - 1);
    const y = (value) => (range ? HEIGHT - MARGIN - ((value - low) / range) * (HEIGHT - 2 * MARGIN) : HEIGHT / 2);
    const spot = (index, value) => `${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    const dot = (index, value) => `M${spot(index, value)}h0.01`;
    const has = (index, name) => isKnown(trend[index]?.[name]);
    const line = (name) =>
        trend
            .map((point, index) => (has(index, name) ? (has(index - 1, name) ? "L" : "M") + spot(index, point[name]) : ""))
            .join("");
    const lonely = (index) => has(index, "value") && !has(index - 1, "value") && !has(index + 1, "value");
    const last = trend.length - 1;
    return {
        value: line("value"),
        goal: line("goal"),
        dots: trend.map(({ value }, index) => (lonely(index) ? dot(index, value) : "")).join(""),
        last: has(last, "value") ? dot(last, trend[last].value) : "",
    };
}

/** The last twelve values as a line, the goal as a dashed one. Read aloud as a list of values. */
export class Sparkline extends Component {
    static template = "clm.Sparkline";
    static props = {
        trend: Array,
        unit: String,
        currencyId: Number,
    };

    get viewBox() {
        return `0 0 ${WIDTH} ${HEIGHT}`;
    }

    get isKnown() {
        return this.props.trend.some(({ value }) => isKnown(value));
    }

    get paths() {
        return sparkPaths(this.props.trend);
    }

    get description() {
        const { trend, unit, currencyId } = this.props;
        const format = (value) => formatFigure(value, unit, currencyId);
        const values = trend.map(({ label, value, goal }) =>
            isKnown(goal)
                ? _t("%(label)s: %(value)s (goal %(goal)s)", { label, value: format(value), goal: format(goal) })
                : _t("%(label)s: %(value)s", { label, value: format(value) })
        );
        return _t("Trend: %s", values.join("; "));
    }
}
