import { Component, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { formatDate, deserializeDate } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { formatFloat, formatInteger } from "@web/views/fields/formatters";
import { Layout } from "@web/search/layout";
import { useSetupAction } from "@web/search/action_hook";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { formatRatio } from "../ratio/ratio";

const CHOICES = ["period", "dateFrom", "dateTo", "variant"];

/**
 * The customer funnel of a period: how many entered each stage, how many went on and how long they took.
 * Every number opens its records.
 */
export class FunnelAction extends Component {
    static template = "clm.FunnelAction";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.keepLast = new KeepLast();
        this.periods = [
            ["last_12_months", _t("Last 12 months")],
            ["this_year", _t("This year")],
            ["last_year", _t("Last year")],
            ["all", _t("All time")],
            ["custom", _t("Custom")],
        ];
        this.variants = [
            ["strict", _t("Strict"), _t("Who entered the first stage in the period and then each stage in order.")],
            ["any", _t("Any stage"), _t("Whoever stood in the stage at some time in the period, wherever they came from.")],
        ];
        this.state = useState({
            period: "last_12_months",
            dateFrom: "",
            dateTo: "",
            variant: "strict",
            ...this.props.state?.funnel,
            status: "loading",
            data: null,
            error: "",
        });
        useSetupAction({
            getLocalState: () => ({
                funnel: Object.fromEntries(CHOICES.map((name) => [name, this.state[name]])),
            }),
        });
        onWillStart(() => void this.load()); // the skeleton shows meanwhile
    }

    // --- data -----------------------------------------------------------------

    async load() {
        this.state.status = "loading";
        try {
            const { period, dateFrom, dateTo } = this.state;
            const custom = period === "custom" ? [dateFrom || false, dateTo || false] : [false, false];
            this.state.data = await this.keepLast.add(
                this.orm.silent.call("clm.funnel.report", "get_funnel", [period, ...custom])
            );
            this.state.dateFrom = this.state.data.date_from || "";
            this.state.dateTo = this.state.data.date_to || "";
            this.state.status = "ready";
        } catch (error) {
            this.state.error = error.data?.message || error.message || "";
            this.state.status = "error";
        }
    }

    onPeriodChange(ev) {
        this.state.period = ev.target.value;
        if (this.state.period !== "custom" || (this.state.dateFrom && this.state.dateTo)) {
            this.load();
        }
    }

    onDateChange(name, ev) {
        this.state[name] = ev.target.value;
        this.load();
    }

    // --- what is shown --------------------------------------------------------

    get rows() {
        const { variant, data } = this.state;
        const largest = Math.max(1, ...data.stages.map((stage) => stage[variant].count));
        return data.stages.map((stage) => ({
            ...stage,
            ...stage[variant],
            width: (100 * stage[variant].count) / largest,
        }));
    }

    get isEmpty() {
        return this.state.data.stages.every(({ strict, any }) => !strict.count && !any.count);
    }

    /** Customers came in by later stages only: the strict funnel is empty, the other one is not. */
    get isOnlyAny() {
        const { stages } = this.state.data;
        return this.state.variant === "strict" && !stages.some(({ strict }) => strict.count);
    }

    get periodLabel() {
        const { date_from: from, date_to: to } = this.state.data;
        if (!from && !to) {
            return _t("Since the beginning");
        }
        const show = (date) => (date ? formatDate(deserializeDate(date)) : "…");
        return _t("%(from)s to %(to)s", { from: show(from), to: show(to) });
    }

    get variantHelp() {
        return this.variants.find(([name]) => name === this.state.variant)[2];
    }

    count(value) {
        return formatInteger(value);
    }

    rate(value) {
        return formatRatio(value) || _t("n/a");
    }

    days(value) {
        return value === null ? _t("n/a") : formatFloat(value, { digits: [false, value < 10 ? 1 : 0] });
    }

    // --- records behind the numbers -------------------------------------------

    async openCustomers(row) {
        const action = await this.action.loadAction("clm.res_partner_action_lifecycle");
        const views = action.views.filter(([, type]) => ["list", "form"].includes(type));
        this.open({ ...action, views, name: row.name, display_name: row.name, domain: row.domain, path: false });
    }

    openVisits(row) {
        this.open({
            type: "ir.actions.act_window",
            name: _t("Left %(stage)s", { stage: row.name }),
            res_model: "clm.visit.report",
            domain: row.days.domain,
            views: [
                [false, "list"],
                [false, "graph"],
                [false, "pivot"],
            ],
        });
    }

    /** Archived customers were counted too. */
    open(action) {
        this.action.doAction({ ...action, context: { active_test: false } });
    }

    openAnalysis() {
        this.action.doAction("clm.clm_funnel_report_action");
    }
}

registry.category("actions").add("clm.funnel", FunnelAction);
