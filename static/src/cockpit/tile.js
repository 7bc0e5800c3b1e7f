import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { usePopover } from "@web/core/popover/popover_hook";
import { formatRatio } from "../ratio/ratio";
import { describeStatus, formatChange, formatFigure, isKnown } from "./figures";
import { KpiInfo } from "./kpi_info";
import { Sparkline } from "./sparkline";

/** One indicator: its value, how it stands to its goal and to the period before, and where it comes from. */
export class KpiTile extends Component {
    static template = "clm.KpiTile";
    static components = { Sparkline };
    static props = {
        kpi: Object,
        currencyId: Number,
        open: Function,
    };

    setup() {
        this.info = usePopover(KpiInfo, { position: "bottom", popoverClass: "o_clm_kpi_popover" });
    }

    format(value, options) {
        return formatFigure(value, this.props.kpi.unit, this.props.currencyId, options);
    }

    get status() {
        return describeStatus(this.props.kpi.status);
    }

    get canOpen() {
        return this.props.kpi.can_open && isKnown(this.props.kpi.value);
    }

    /** Signs and currencies stand where they belong in languages from right to left too; words are left to them. */
    get direction() {
        return this.props.kpi.unit === "days" ? undefined : "ltr";
    }

    get valueTitle() {
        const { value, can_open: canOpen } = this.props.kpi;
        if (!isKnown(value)) {
            return _t("There is nothing to compute it from in this period");
        }
        return canOpen ? this.format(value, { exact: true }) : _t("You have no access to the records behind it");
    }

    /** Few cases: the true value lies anywhere in here. */
    get interval() {
        const { status, low, high } = this.props.kpi;
        return status === "few" && isKnown(low) && isKnown(high)
            ? _t("probably %(low)s – %(high)s", { low: this.format(low), high: this.format(high) })
            : "";
    }

    get goal() {
        const { goal, direction, attainment } = this.props.kpi;
        if (!isKnown(goal)) {
            return "";
        }
        const text = direction === "down" ? _t("Goal: at most %s", this.format(goal)) : _t("Goal: %s", this.format(goal));
        return isKnown(attainment) ? _t("%(goal)s, %(share)s reached", { goal: text, share: formatRatio(attainment) }) : text;
    }

    get change() {
        const { change, direction } = this.props.kpi;
        if (!isKnown(change)) {
            return null;
        }
        const isBetter = change > 0 === (direction === "up");
        const [tone, judgement] = !change
            ? ["same", _t("unchanged")]
            : isBetter
              ? ["better", _t("better than the period before")]
              : ["worse", _t("worse than the period before")];
        const icon = !change ? "fa-arrows-h" : change > 0 ? "fa-long-arrow-up" : "fa-long-arrow-down";
        return { text: formatChange(change), tone, judgement, icon };
    }

    /** Those that count; where none does, those that could have: an empty list says nothing. */
    openRecords() {
        const { id, parts, numerator } = this.props.kpi;
        const part = numerator ? parts[0] : parts.at(-1);
        this.props.open("kpi", { id, part: part?.key || null });
    }

    toggleInfo(ev) {
        if (this.info.isOpen) {
            this.info.close();
        } else {
            const { kpi, currencyId, open } = this.props;
            this.info.open(ev.currentTarget, { kpi, currencyId, open });
        }
    }
}
