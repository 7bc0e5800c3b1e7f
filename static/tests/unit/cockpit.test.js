import { afterEach, beforeEach, describe, expect, mockMatchMedia, test } from "@odoo/hoot";
import { queryAllTexts, queryAllAttributes, queryOne } from "@odoo/hoot-dom";
import { advanceTime, animationFrame, Deferred, mockDate, mockTimeZone } from "@odoo/hoot-mock";
import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import {
    contains,
    getService,
    makeServerError,
    mountWithCleanup,
    onRpc,
    preloadBundle,
} from "@web/../tests/web_test_helpers";
import { browser } from "@web/core/browser/browser";
import { WebClient } from "@web/webclient/webclient";
import { makeKpi, makePayload } from "./cockpit_payload";

describe.current.tags("desktop");
defineMailModels();
preloadBundle("web.chartjs_lib");

const COCKPIT = { type: "ir.actions.client", tag: "clm.cockpit", name: "Cockpit" };
const RECORDS = { type: "ir.actions.act_window", name: "Behind it", res_model: "res.partner", views: [[false, "list"]] };
const texts = (selector) => queryAllTexts(selector).map((text) => text.replace(/\s+/g, " ").trim());
const tile = (code, rest = "") => `[data-kpi=${code}] ${rest}`;

/** What the page asked the server for. */
let asked = [];
let opened = [];
let answer = () => makePayload();

beforeEach(() => {
    mockDate("2025-03-10 08:00:00");
    asked = [];
    opened = [];
    answer = () => makePayload();
    onRpc("clm.cockpit", "get_cockpit", ({ args }) => {
        asked.push(args[0]);
        return answer(args[0]);
    });
    onRpc("clm.cockpit", "get_action", ({ args }) => {
        opened.push(args);
        return RECORDS;
    });
});
afterEach(() => browser.localStorage.clear());

async function openCockpit() {
    await mountWithCleanup(WebClient);
    await getService("action").doAction(COCKPIT);
    await animationFrame();
}

async function goBack() {
    await contains(".o_back_button, .breadcrumb-item:contains(Cockpit)").click();
    await animationFrame();
}

// --- what is shown ------------------------------------------------------------

test("tiles tell value, goal and status by words", async () => {
    await openCockpit();
    expect(".o_clm_cockpit_section").toHaveCount(2); // none for a section without indicators
    expect(texts(".o_clm_tile_value")).toEqual(["12", "15.4%", "$ 1.23M", "8%", "7.3 days", "n/a", "1.5"]);
    expect(texts(".o_clm_tile .o_clm_status")).toEqual([
        "On track",
        "Too few data",
        "No goal",
        "Off track",
        "No goal",
        "No value",
        "No goal",
    ]);
    expect(".o_clm_tile .o_clm_status > .fa").toHaveCount(7);
    expect(tile("kpi_1", ".o_clm_tile_foot")).toHaveText("On track\nGoal: 10, 120% reached");
    expect(tile("kpi_4", ".o_clm_tile_foot")).toHaveText("Off track\nGoal: at most 5%, 63% reached");
    expect(tile("kpi_3", ".o_clm_tile_foot")).toHaveText("No goal");
    expect(tile("kpi_3", ".o_clm_tile_value")).toHaveAttribute("title", "$\u00a01,234,567.89");
    expect(texts(".o_clm_summary li")).toEqual(["Off track 1", "Too few data 1", "On track 1"]);
});

test("few data show the interval, enough data do not", async () => {
    await openCockpit();
    expect(tile("kpi_2", ".o_clm_tile_interval")).toHaveText("probably 4.3% – 42.2%");
    expect(".o_clm_tile_interval").toHaveCount(1);
});

test("a change says whether it is good, which depends on the direction", async () => {
    await openCockpit();
    expect(tile("kpi_1", ".o_clm_change_better")).toHaveText("+50%\nbetter than the period before");
    expect(tile("kpi_4", ".o_clm_change_worse")).toHaveText("+60%\nworse than the period before");
    expect(tile("kpi_5", ".o_clm_change_better")).toHaveText("−4%\nbetter than the period before");
    expect(tile("kpi_3", ".o_clm_change_same")).toHaveText("0%\nunchanged");
    expect(tile("kpi_2", ".o_clm_change")).toHaveCount(0);
});

test("the trend is drawn with its gaps and read aloud", async () => {
    await openCockpit();
    expect(tile("kpi_1", "svg")).toHaveAttribute(
        "aria-label",
        "Trend: 2025-1: 8 (goal 10); 2025-2: n/a (goal 10); 2025-3: 12 (goal 10)"
    );
    expect(tile("kpi_1", ".o_clm_sparkline_value")).toHaveAttribute("d", "M3.0 29.0M117.0 3.0");
    expect(tile("kpi_6", "svg")).toHaveCount(0);
    expect(tile("kpi_6", ".o_clm_sparkline")).toHaveText("No trend yet");
});

test("the header names period, companies, currency and the time in the user's zone", async () => {
    mockTimeZone(2);
    await openCockpit();
    expect(texts(".o_clm_cockpit_sheet header:first")[0]).toMatch(
        /^March 2025 32% of the period is over · North, South · money in USD As of Mar 10, 4:00 AM/
    );
});

test("a skeleton shows while the first figures are on their way", async () => {
    const later = new Deferred();
    answer = () => later;
    await openCockpit();
    expect(".o_clm_cockpit_skeleton").toHaveCount(1);
    expect(".o_clm_cockpit_sheet").toHaveAttribute("aria-busy", "true");
    later.resolve(makePayload());
    await animationFrame();
    expect(".o_clm_cockpit_skeleton").toHaveCount(0);
    expect(".o_clm_tile").toHaveCount(7);
    expect(".o_clm_cockpit_sheet [role=status]:first").toHaveText("The cockpit is shown");
});

test("progress of the history is told and looked at again", async () => {
    const answers = [makePayload({ progress: 0.4 }), makePayload()];
    answer = () => answers.shift();
    await openCockpit();
    expect(".o_clm_progress").toHaveText("History is being computed: 40%");
    expect(".o_clm_progress [role=progressbar]").toHaveAttribute("aria-valuenow", "40");
    await advanceTime(30000);
    await animationFrame();
    expect(".o_clm_progress").toHaveCount(0);
    await advanceTime(60000);
    expect(asked).toHaveLength(2); // complete: nothing more to wait for
});

test("an error is told, and the page can be tried again", async () => {
    answer = () => {
        throw makeServerError({ message: "Out of order" });
    };
    await openCockpit();
    expect(".o_clm_cockpit [role=alert]").toHaveText(/The cockpit could not be loaded\. Out of order/);
    answer = () => makePayload();
    await contains(".alert button:contains(Try again)").click();
    await animationFrame();
    expect(".o_clm_cockpit [role=alert]").toHaveCount(0);
    expect(".o_clm_tile").toHaveCount(7);
});

test("filters that the server cannot read can be cleared", async () => {
    await openCockpit();
    answer = (options) => {
        if (options.team_id) {
            throw makeServerError({ message: "No such team" });
        }
        return makePayload();
    };
    await contains("select[name=team]").select("6");
    await animationFrame();
    await contains(".alert button:contains(Clear the filters)").click();
    await animationFrame();
    expect(asked.at(-1)).toEqual({ period: null, date: null, company_ids: null, team_id: null });
    expect(".o_clm_tile").toHaveCount(7);
    expect(Object.keys(browser.localStorage).filter((key) => key.startsWith("clm."))).toEqual([]);
});

test("without any value the page says so", async () => {
    const bare = makeKpi({ id: 1, value: null, status: "na", trend: [{ label: "2025-3", value: null, goal: null }] });
    answer = () =>
        makePayload({
            sections: [{ key: "first", name: "First", kpis: [bare] }],
            funnel: null,
            cohorts: null,
            waterfall: null,
            decisions: null,
            risks: null,
            rotting: null,
        });
    await openCockpit();
    expect(".o_clm_cockpit_empty").toHaveText(/No indicator has a value yet/);
    expect(".o_clm_tile, .o_clm_panel").toHaveCount(0);
});

// --- filters ------------------------------------------------------------------

test("another kind, another period: the server is asked for them", async () => {
    await openCockpit();
    expect(asked).toEqual([{ period: null, date: null, company_ids: null, team_id: null }]);
    await contains("select[name=kind]").select("week");
    await contains("select[name=period]").select("2025-01-01");
    await contains("select[name=team]").select("6");
    expect(asked.at(-1)).toEqual({ period: "month", date: "2025-01-01", company_ids: null, team_id: 6 });
    expect(asked[1]).toEqual({ period: "week", date: null, company_ids: null, team_id: null });
});

test("the arrows go one period back and forth, not beyond the ends", async () => {
    const shown = { "2025-02-01": ["February 2025", "2025-02-28"], "2025-01-01": ["January 2025", "2025-01-31"] };
    answer = ({ date }) => {
        const payload = makePayload();
        const [label, dateTo] = shown[date] || [];
        return label ? { ...payload, period: { ...payload.period, date_from: date, date_to: dateTo, label } } : payload;
    };
    await openCockpit();
    expect("button[name=later]").not.toBeEnabled();
    await contains("button[name=earlier]").click();
    expect("select[name=period]").toHaveValue("2025-02-01");
    await contains("button[name=earlier]").click();
    expect(".o_clm_cockpit_sheet h2").toHaveText("January 2025");
    expect("button[name=earlier]").not.toBeEnabled();
    await contains("button[name=later]").click();
    expect(asked.map(({ date }) => date)).toEqual([null, "2025-02-01", "2025-01-01", "2025-02-01"]);
});

test("a period that the list does not reach is shown in its place", async () => {
    const { period } = makePayload();
    answer = () => makePayload({ period: { ...period, date_from: "2020-05-01", date_to: "2020-05-31", label: "May 2020" } });
    await openCockpit();
    expect(texts("select[name=period] option")).toEqual(["March 2025", "February 2025", "January 2025", "May 2020"]);
    expect("select[name=period]").toHaveValue("2020-05-01");
    expect("button[name=earlier]").not.toBeEnabled();
});

test("companies are ticked one by one; the last one stays", async () => {
    answer = (options) => {
        const payload = makePayload();
        return { ...payload, options: { ...payload.options, company_ids: options.company_ids || [1, 2] } };
    };
    await openCockpit();
    expect("button[name=companies]").toHaveText("All companies");
    await contains("button[name=companies]").click();
    await contains(".o-dropdown-item:contains(South)").click();
    expect(asked.at(-1).company_ids).toEqual([1]);
    expect("button[name=companies]").toHaveText("North");
    await contains(".o-dropdown-item:contains(North)").click();
    expect(asked).toHaveLength(2);
    await contains(".o-dropdown-item:contains(South)").click();
    expect(asked.at(-1).company_ids).toBe(null);
});

test("one company, no team, no right to refresh: nothing to pick", async () => {
    answer = () => makePayload({ companies: [{ id: 1, name: "North" }], teams: [], can_refresh: false });
    await openCockpit();
    expect("select[name=period]").toHaveCount(1);
    expect("button[name=companies], select[name=team], button[name=refresh]").toHaveCount(0);
});

test("the old figures stay, dimmed, until the new ones are there", async () => {
    await openCockpit();
    const later = new Deferred();
    answer = () => later;
    await contains("select[name=kind]").select("week");
    expect(".o_clm_cockpit_old .o_clm_tile").toHaveCount(7);
    later.resolve(makePayload({ sections: [{ key: "one", name: "One", kpis: [makeKpi({ id: 9 })] }] }));
    await animationFrame();
    expect(".o_clm_cockpit_old").toHaveCount(0);
    expect(".o_clm_tile").toHaveCount(1);
});

test("an answer that comes too late is not shown", async () => {
    await openCockpit();
    const slow = new Deferred();
    answer = ({ team_id: team }) => (team === 5 ? slow : makePayload());
    await contains("select[name=team]").select("5");
    await contains("select[name=team]").select("6");
    await animationFrame();
    slow.resolve(makePayload({ period: { ...makePayload().period, label: "Too late" } }));
    await animationFrame();
    expect(".o_clm_cockpit_sheet h2").toHaveText("March 2025");
});

test("refresh computes first and then reads again", async () => {
    const done = new Deferred();
    onRpc("clm.cockpit", "refresh", ({ args }) => {
        expect.step(`refresh ${args[0].period}`);
        return done;
    });
    await openCockpit();
    await contains("button[name=refresh]").click();
    expect("button[name=refresh]").not.toBeEnabled();
    expect(asked).toHaveLength(1);
    done.resolve(true);
    await animationFrame();
    expect.verifySteps(["refresh month"]);
    expect(asked).toHaveLength(2);
    expect("button[name=refresh]").toBeEnabled();
});

test("what was chosen is remembered the same day; the period not until the next one", async () => {
    answer = ({ team_id: team }) => makePayload({ options: { ...makePayload().options, team_id: team } });
    await openCockpit();
    await contains("select[name=team]").select("6");
    await contains("select[name=period]").select("2025-02-01");
    await animationFrame();
    await getService("action").doAction(COCKPIT, { clearBreadcrumbs: true });
    await animationFrame();
    expect(asked.at(-1)).toEqual({ period: "month", date: "2025-02-01", company_ids: null, team_id: 6 });
    expect("select[name=team]").toHaveValue("6");
    mockDate("2025-03-11 08:00:00");
    await getService("action").doAction(COCKPIT, { clearBreadcrumbs: true });
    await animationFrame();
    expect(asked.at(-1)).toEqual({ period: "month", date: null, company_ids: null, team_id: 6 });
});

test("a team that is gone is no longer chosen", async () => {
    await openCockpit();
    await contains("select[name=team]").select("6"); // the answer knows no team
    await animationFrame();
    await contains("select[name=kind]").select("week");
    expect(asked.at(-1)).toEqual({ period: "week", date: null, company_ids: null, team_id: null });
});

// --- records behind the numbers -----------------------------------------------

test("a value opens its records, and coming back finds the page as it was", async () => {
    answer = ({ team_id: team }) => makePayload({ options: { ...makePayload().options, team_id: team } });
    await openCockpit();
    await contains("select[name=team]").select("6");
    await animationFrame();
    browser.localStorage.clear(); // what the page itself remembers
    await contains(tile("kpi_2", "button.o_clm_tile_value")).click();
    await animationFrame();
    expect(opened).toEqual([["kpi", { id: 2, part: "numerator" }, { ...makePayload().options, team_id: 6 }]]);
    expect(".o_list_view").toHaveCount(1);
    const later = new Deferred();
    answer = () => later;
    await goBack();
    expect(".o_clm_tile").toHaveCount(7); // at once, from before
    expect("select[name=team]").toHaveValue("6");
    expect(asked.at(-1)).toEqual({ period: "month", date: null, company_ids: null, team_id: 6 });
});

test("without a value or without access there is no link, and a reason", async () => {
    await openCockpit();
    expect(tile("kpi_6", "button.o_clm_tile_value")).toHaveCount(0);
    expect(tile("kpi_6", ".o_clm_tile_value")).toHaveAttribute("title", "There is nothing to compute it from in this period");
    expect(tile("kpi_7", "button.o_clm_tile_value")).toHaveCount(0);
    expect(tile("kpi_7", ".o_clm_tile_value")).toHaveAttribute("title", "You have no access to the records behind it");
});

test("the details name formula, parts, interval and owner; a part opens its records", async () => {
    await openCockpit();
    await contains(tile("kpi_2", ".o_clm_tile_info")).click();
    expect(texts(".o_clm_kpi_info dt")).toEqual([
        "Formula",
        "Won",
        "Decided",
        "True value, with 95% certainty",
        "Variant",
        "Source",
        "Looked after by",
    ]);
    expect(texts(".o_clm_kpi_info dd")).toEqual([
        "Won ÷ decided",
        "2",
        "13",
        "4.3% – 42.2%",
        "by count",
        "Customers",
        "Mitchell Admin",
    ]);
    await contains(".o_clm_kpi_info button:contains(13)").click();
    await animationFrame();
    expect(opened[0].slice(0, 2)).toEqual(["kpi", { id: 2, part: "denominator" }]);
    expect(".o_clm_kpi_info").toHaveCount(0);
});

test("the funnel opens who stood in a stage, a rate who went on", async () => {
    await openCockpit();
    expect(texts(".o_clm_stage_funnel tbody tr")).toEqual([
        "Awareness 40 50% 100%",
        "Acquisition 20 0% 50%",
        "Conversion 0 – 0%",
    ]);
    expect(queryAllAttributes("td .o_clm_bar", "style")).toEqual(["width: 100%", "width: 50%", "width: 0%"]);
    expect(".o_clm_stage_funnel tr:contains(Conversion) button[name=count]").not.toBeEnabled();
    expect(".o_clm_stage_funnel tr:contains(Acquisition) button[name=rate]").not.toBeEnabled();
    await contains(".o_clm_stage_funnel tr:contains(Awareness) button[name=rate]").click();
    expect(opened[0].slice(0, 2)).toEqual(["funnel", { stage: 2, variant: "strict" }]);
});

test("the funnel counts strictly or whoever stood in a stage", async () => {
    await openCockpit();
    expect(".o_clm_stage_funnel > p").toHaveText("One stage after the other.");
    await contains(".o_clm_stage_funnel label:contains(Any stage)").click();
    expect(".o_clm_stage_funnel > p").toHaveText("Whoever stood there.");
    expect(texts(".o_clm_stage_funnel tbody tr:last")).toEqual(["Conversion 50 – 125%"]);
    await contains(".o_clm_stage_funnel tr:contains(Conversion) button[name=count]").click();
    expect(opened[0].slice(0, 2)).toEqual(["funnel", { stage: 3, variant: "any" }]);
});

test("the waterfall is drawn and written", async () => {
    mockMatchMedia({ "prefers-reduced-motion": "reduce" });
    await openCockpit();
    await animationFrame();
    expect(texts(".o_clm_waterfall tbody tr")).toEqual([
        "Start $ 1,000.00",
        "New +$ 300.00",
        "Churn $ -450.00",
        "End $ 850.00",
    ]);
    const chart = Chart.getChart(queryOne(".o_clm_waterfall canvas"));
    expect(chart.data.datasets[0].data).toEqual([
        [0, 1000],
        [1000, 1300],
        [1300, 850],
        [0, 850],
    ]);
    expect(new Set(chart.data.datasets[0].backgroundColor).size).toBe(3);
    await contains(".o_clm_waterfall button[data-step=churn]").click();
    expect(opened[0].slice(0, 2)).toEqual(["waterfall", "churn"]);
});

test("a click on a bar opens its records", async () => {
    mockMatchMedia({ "prefers-reduced-motion": "reduce" });
    await openCockpit();
    await animationFrame();
    const canvas = queryOne(".o_clm_waterfall canvas");
    const bar = Chart.getChart(canvas).getDatasetMeta(0).data[1];
    await contains(canvas).click({ position: { x: bar.x, y: bar.y + 2 }, relative: true });
    expect(opened[0].slice(0, 2)).toEqual(["waterfall", "new"]);
});

test("the cohort map shows shares of customers or of revenue; each cell opens its customers", async () => {
    await openCockpit();
    const cells = () => queryAllTexts(".o_clm_heat tbody tr:first-child button:not(.btn)").map((text) => text.split("\n")[0]);
    expect(cells()).toEqual(["100%", "50%", "0%"]);
    expect(".o_clm_heat tbody tr:last-child button:not(.btn)").toHaveCount(2); // the third month is to come
    expect(".o_clm_heat tbody tr:first-child .o_clm_heat_8").toHaveCount(2);
    expect(".o_clm_heat tbody tr:last-child .o_clm_heat_2").toHaveText(/^10%/);
    await contains("label:contains(By revenue)").click();
    expect(cells()).toEqual(["100%", "150%", "0%"]);
    expect(texts(".o_clm_heat tbody tr:first td:eq(2)")[0]).toBe("150% Jan 2025, month 1: revenue $ 600.00");
    expect(".o_clm_cohorts p").toHaveText(/150%/);
    await contains(".o_clm_heat tbody tr:last-child button:not(.btn):last").click();
    expect(opened[0].slice(0, 2)).toEqual(["cohort", { month: "2025-02-01", age: 1 }]);
});

test("an empty list says so", async () => {
    answer = () => makePayload({ risks: { count: 0, rows: [] } });
    await openCockpit();
    expect(texts(".o_clm_list_risks")).toEqual(["Customers at risk No customer is at risk."]);
});

test("lists open one record or all", async () => {
    await openCockpit();
    expect(texts(".o_clm_list_decisions tbody tr")).toEqual([
        "C-71 Azure 03/07/2025 3 days late $ 1,200",
        "C-72 Gemini 03/11/2025 in 1 day $ 300.00",
    ]);
    expect(texts(".o_clm_list_risks tbody tr")).toEqual(["Azure Contract at high risk $ 5,000", "Gemini Lapses soon"]);
    expect(texts(".o_clm_list_rotting tbody tr")).toEqual(["Acquisition expected: 14 days 3 of 20"]);
    await contains(".o_clm_list_decisions button[name=all]").click();
    await goBack();
    await contains(".o_clm_list_decisions button:contains(C-72)").click();
    await goBack();
    await contains(".o_clm_list_rotting tbody td").click();
    await animationFrame();
    expect(opened.map(([part, key]) => [part, key])).toEqual([
        ["decisions", null],
        ["decisions", 72],
        ["rotting", 2],
    ]);
});
