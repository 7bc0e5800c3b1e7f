import { Component, onMounted, useEffect, useRef, useState } from "@odoo/owl";
import { loadBundle } from "@web/core/assets";
import { browser } from "@web/core/browser/browser";
import { localization } from "@web/core/l10n/localization";
import { formatMonetary } from "@web/views/fields/formatters";
import { formatFigure } from "./figures";

/**
 * @param {{value: number, is_total: boolean}[]} steps a total stands on the ground, a movement where the one before ended
 * @returns {{range: [number, number], tone: "total"|"up"|"down"|"same"}[]}
 */
export function waterfallBars(steps) {
    let level = 0;
    return steps.map(({ value, is_total: isTotal }) => {
        const from = isTotal ? 0 : level;
        level = from + value;
        return { range: [from, level], tone: isTotal ? "total" : value > 0 ? "up" : value < 0 ? "down" : "same" };
    });
}

/** Recurring revenue from the beginning of the period to its end, as a chart and as a table. */
export class Waterfall extends Component {
    static template = "clm.Waterfall";
    static props = {
        steps: Array,
        currencyId: Number,
        open: Function,
    };

    setup() {
        this.canvasRef = useRef("canvas");
        this.state = useState({ isReady: false, isFailed: false });
        onMounted(() => this.loadChart()); // the table shows meanwhile
        useEffect(
            (isReady) => {
                if (isReady && this.canvasRef.el) {
                    const chart = new Chart(this.canvasRef.el, this.chartConfig);
                    return () => chart.destroy();
                }
            },
            () => [this.state.isReady, this.props.steps]
        );
    }

    async loadChart() {
        try {
            await loadBundle("web.chartjs_lib");
            this.state.isReady = true;
        } catch {
            this.state.isFailed = true; // the table says the same
        }
    }

    format(step) {
        const text = formatMonetary(step.value, { currencyId: this.props.currencyId });
        return !step.is_total && step.value > 0 ? `+${text}` : text;
    }

    // --- chart ----------------------------------------------------------------

    /** Colours of the theme, as the style sheet of this page names them. */
    getColors() {
        const style = getComputedStyle(this.canvasRef.el);
        const color = (name) => style.getPropertyValue(`--clm-chart-${name}`).trim();
        return Object.fromEntries(["total", "up", "down", "same", "text", "grid"].map((name) => [name, color(name)]));
    }

    get chartConfig() {
        const { steps } = this.props;
        const bars = waterfallBars(steps);
        const colors = this.getColors();
        return {
            type: "bar",
            data: {
                labels: steps.map(({ label }) => label),
                datasets: [
                    {
                        data: bars.map(({ range }) => range),
                        backgroundColor: bars.map(({ tone }) => colors[tone]),
                        borderRadius: 3,
                        borderSkipped: false,
                        minBarLength: 2,
                    },
                ],
            },
            options: this.getChartOptions(colors),
        };
    }

    getChartOptions(colors) {
        const { steps, currencyId } = this.props;
        const isRtl = localization.direction === "rtl";
        return {
            maintainAspectRatio: false,
            layout: { padding: { left: isRtl ? 24 : 0 } }, // room for the last slanted label
            animation: browser.matchMedia("(prefers-reduced-motion: reduce)").matches ? false : { duration: 300 },
            interaction: { mode: "index", axis: "x", intersect: false }, // thin bars can be hit too
            onClick: (_, [hit]) => hit && this.props.open("waterfall", steps[hit.index].key),
            onHover: (ev, hits) => {
                ev.native.target.style.cursor = hits.length ? "pointer" : "";
            },
            plugins: {
                legend: { display: false },
                tooltip: { rtl: isRtl, callbacks: { label: ({ dataIndex }) => this.format(steps[dataIndex]) } },
            },
            scales: {
                x: { reverse: isRtl, ticks: { color: colors.text }, grid: { display: false } },
                y: {
                    position: isRtl ? "right" : "left",
                    beginAtZero: true,
                    ticks: { color: colors.text, maxTicksLimit: 6, callback: (value) => formatFigure(value, "money", currencyId) },
                    grid: { color: colors.grid },
                },
            },
        };
    }
}
