import { Component, markRaw, onWillStart, useEffect, useRef, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { deserializeDateTime, toLocaleDateTimeString } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { useSetupAction } from "@web/search/action_hook";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { formatRatio } from "../ratio/ratio";
import { CohortMap } from "./cohort_map";
import { describeStatus, isKnown } from "./figures";
import { CockpitFilters } from "./filters";
import { CockpitLists } from "./lists";
import { NO_FILTERS, forgetFilters, recallFilters, rememberFilters } from "./memory";
import { StageFunnel } from "./stage_funnel";
import { KpiTile } from "./tile";
import { Waterfall } from "./waterfall";

const LOOK_AGAIN = 30000; // ms, while history is being computed

/** The state of both lifecycles on one page. One call brings all figures; every number opens its records. */
export class CockpitAction extends Component {
    static template = "clm.CockpitAction";
    static components = { CockpitFilters, CockpitLists, CohortMap, KpiTile, Layout, StageFunnel, Waterfall };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.keepLast = new KeepLast();
        this.rootRef = useRef("root");
        const left = this.props.state?.cockpit; // as it was before the drill-down
        this.state = useState({
            filters: left?.filters || recallFilters(),
            data: left?.data || null,
            status: "loading",
            error: "",
            isRefreshing: false,
        });
        this.open = this.open.bind(this);
        useSetupAction({
            rootRef: this.rootRef,
            getLocalState: () => ({ cockpit: { filters: { ...this.state.filters }, data: this.state.data } }),
        });
        useEffect(
            (progress) => {
                if (isKnown(progress)) {
                    const timer = browser.setTimeout(() => this.load(), LOOK_AGAIN);
                    return () => browser.clearTimeout(timer);
                }
            },
            () => [this.state.data?.progress, this.state.data]
        );
        onWillStart(() => void this.load()); // the skeleton shows meanwhile
    }

    // --- data -----------------------------------------------------------------

    async load() {
        this.state.status = "loading";
        try {
            const data = await this.keepLast.add(
                this.orm.silent.call("clm.cockpit", "get_cockpit", [{ ...this.state.filters }])
            );
            this.adopt(data);
            this.state.status = "ready";
        } catch (error) {
            this.state.error = error.data?.message || error.message || "";
            this.state.status = "error";
        }
    }

    /** The server leaves out what is gone by now (a team, a company): so do the pickers. */
    adopt(data) {
        const { filters } = this.state;
        filters.period = data.period.kind;
        filters.team_id = data.options.team_id || null;
        filters.company_ids = filters.company_ids && data.options.company_ids;
        this.state.data = markRaw(data);
    }

    choose(changes) {
        Object.assign(this.state.filters, changes);
        rememberFilters(this.state.filters);
        this.load();
    }

    startAnew() {
        forgetFilters();
        Object.assign(this.state.filters, NO_FILTERS);
        this.load();
    }

    async refresh() {
        this.state.isRefreshing = true;
        try {
            await this.orm.silent.call("clm.cockpit", "refresh", [{ ...this.state.filters }]);
        } finally {
            this.state.isRefreshing = false;
        }
        await this.load();
    }

    /** Open the records behind a number: those of the figures shown, even while others are on their way. */
    async open(part, key = null) {
        if (this.isOpening) {
            return;
        }
        this.isOpening = true;
        try {
            const { options } = this.state.data;
            await this.action.doAction(await this.orm.call("clm.cockpit", "get_action", [part, key, options]));
        } finally {
            this.isOpening = false;
        }
    }

    // --- what is shown --------------------------------------------------------

    get isEmpty() {
        const hasValue = (kpi) => isKnown(kpi.value) || kpi.trend.some(({ value }) => isKnown(value));
        return !this.state.data.sections.some(({ kpis }) => kpis.some(hasValue));
    }

    get sections() {
        return this.state.data.sections.filter(({ kpis }) => kpis.length);
    }

    /** How many indicators stand how, the worst first. */
    get summary() {
        const kpis = this.state.data.sections.flatMap((section) => section.kpis);
        return ["off", "few", "on"]
            .map((status) => ({
                status,
                count: kpis.filter((kpi) => kpi.status === status).length,
                ...describeStatus(status),
            }))
            .filter(({ count }) => count);
    }

    get scope() {
        const { data } = this.state;
        const chosen = data.options.company_ids;
        const companies = data.companies.filter(({ id }) => !chosen || chosen.includes(id));
        const team = data.teams.find(({ id }) => id === data.options.team_id);
        const running = data.period.is_open && _t("%s of the period is over", formatRatio(data.period.elapsed));
        const money = _t("money in %s", data.currency.name);
        const names = companies.map(({ name }) => name).join(", ");
        return [running, names, team?.name, money].filter(Boolean).join(" · ");
    }

    get asOf() {
        const { computed_at: at } = this.state.data;
        return at ? _t("As of %s", toLocaleDateTimeString(deserializeDateTime(at))) : "";
    }

    get progress() {
        const { progress } = this.state.data;
        return isKnown(progress)
            ? { percent: Math.round(100 * progress), text: _t("History is being computed: %s", formatRatio(progress)) }
            : null;
    }
}

registry.category("actions").add("clm.cockpit", CockpitAction);
