import { beforeEach, describe, expect, test } from "@odoo/hoot";
import { queryAllTexts } from "@odoo/hoot-dom";
import { animationFrame, Deferred, mockDate } from "@odoo/hoot-mock";
import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import { contains, getService, makeServerError, mockService, mountWithCleanup, onRpc } from "@web/../tests/web_test_helpers";
import { WebClient } from "@web/webclient/webclient";
import { makeEntry, makePage } from "./customer_page_payload";

describe.current.tags("desktop");
defineMailModels();

const PAGE = { type: "ir.actions.client", tag: "clm_customer_page", name: "Customer Page", params: { partner_id: 7 } };
const texts = (selector) => queryAllTexts(selector).map((text) => text.replace(/\s+/g, " ").trim());

let asked = [];
let answer = () => makePage();
const last = () => ({ entries: [makeEntry(1, { day: "2025-02-26" })], has_more: false });
let more = last;

beforeEach(() => {
    mockDate("2025-03-10 08:00:00");
    asked = [];
    answer = () => makePage();
    more = last;
    onRpc("clm.customer.page", "get_page", ({ args }) => answer(...args));
    onRpc("clm.customer.page", "get_timeline", ({ args }) => {
        asked.push(args);
        return more(...args);
    });
});

async function openPage(action = PAGE) {
    await mountWithCleanup(WebClient);
    await getService("action").doAction(action);
    await animationFrame();
}

/** What the page opens, instead of opening it. */
function spyActions() {
    const opened = [];
    mockService("action", {
        doAction(action, options) {
            if (action === PAGE || action.tag === "clm_customer_page") {
                return super.doAction(action, options);
            }
            opened.push(action);
            options?.onClose?.();
        },
    });
    return opened;
}

// --- what is shown ------------------------------------------------------------

test("the header says who it is and where it stands", async () => {
    await openPage();
    expect(".o_clm_page_header h2").toHaveText("Azure Interior");
    expect(texts(".o_clm_page_stage")).toEqual(["Loyalty for 9 days"]);
    expect(texts(".o_clm_page_facts li")).toEqual(["Salesperson: Marc", "Lyon, France", "+33 1", "azure@example.com", "Tags: Hotels"]);
    expect(texts(".o_clm_page_buttons button")).toEqual(["Open contact", "Hand over", "Ask for feedback", "Print summary"]);
    expect(".breadcrumb-item.active, .o_last_breadcrumb_item").toHaveText("Azure Interior");
});

test("the path marks the current stage and a new cycle", async () => {
    await openPage();
    expect(texts(".o_clm_page_step .fw-bold")).toEqual(["Lapsed", "Loyalty"]);
    expect(".o_clm_page_step[aria-current=step]").toHaveText(/Loyalty/);
    expect(".o_clm_page_step_now .fa-refresh").toHaveAttribute("aria-label", "Won back");
    expect(".o_clm_page_step_now").toHaveAttribute("title", /03\/01\/2025 to today: Five purchases/);
});

test("what to do next has a button only where something may open", async () => {
    await openPage();
    expect(texts(".o_clm_page_todo .fw-bold")).toEqual(["Answer the bad feedback", "Ask for the payment"]);
    expect(".o_clm_page_todo button").toHaveCount(1);
    expect(".o_clm_page_todo:first .fa-exclamation-circle").toHaveCount(1);
});

test("nothing to do is said", async () => {
    answer = () => makePage({ actions: [] });
    await openPage();
    expect(".o_clm_page_next").toHaveText(/Nothing is waiting/);
});

test("amounts are short, with the exact one as title, and overdue ones told by words", async () => {
    await openPage();
    expect("[data-value=revenue_year] .o_clm_page_number").toHaveText("$ 1,235");
    expect("[data-value=revenue_year] .o_clm_page_number").toHaveAttribute("title", "$\u00a01,234.50");
    expect("[data-value=overdue]").toHaveText(/2 invoices, since 02\/01\/2025/);
    expect("[data-value=overdue] .fa-exclamation-triangle").toHaveCount(1);
    expect(".o_clm_page_trend svg").toHaveAttribute("aria-label", /Mar 2025/);
});

test("without the right to see amounts there are dashes and a word about it", async () => {
    const hidden = Object.fromEntries(
        ["revenue", "revenue_year", "average", "lifetime", "mrr", "open", "overdue"].map((name) => [name, null])
    );
    const page = makePage();
    answer = () => ({ ...page, money: { ...page.money, is_shown: false }, value: { ...page.value, ...hidden, months: [] } });
    await openPage();
    expect("[data-value=lifetime] .o_clm_page_number").toHaveText("–");
    expect("[data-value=lifetime] .o_clm_page_number").toHaveAttribute("title", "You may not see amounts");
    expect("[data-value=purchases] .o_clm_page_number").toHaveText("12");
    expect(".o_clm_page_trend").toHaveCount(0);
    expect(".o_clm_page_hidden").toHaveText(/Amounts are shown to those who sell or keep the books/);
});

test("the health is explained by its parts", async () => {
    await openPage();
    expect(".o_clm_page_score").toHaveText("43 of 100");
    expect(".o_clm_page_band").toHaveText("At risk");
    expect(".o_clm_page_health").toHaveText(/12 less than last month/);
    expect(".o_clm_page_health h4").toHaveText("Why 43?");
    expect(texts(".o_clm_page_part")).toEqual([
        "Recency: last bought 9 days ago, usually every 3 days 15 of 60",
        "Notice not known",
    ]);
    expect(".o_clm_page_health").toHaveText(/65% of what counts is known/);
});

test("the rhythm tells what is expected, unless the customer bought since", async () => {
    await openPage();
    expect("[data-fact=next] dd").toHaveText("03/04/2025, overdue");
    expect("[data-fact=alive] dd").toHaveText("42% likely");
    const page = makePage();
    answer = () => ({ ...page, value: { ...page.value, last_purchase: "2025-03-09", days_since: 1 } });
    await getService("action").doAction({ ...PAGE });
    await animationFrame();
    expect("[data-fact=last] dd").toHaveText("03/09/2025 (1 day ago)");
    expect("[data-fact=next]").toHaveCount(0);
});

test("the health of the last months is drawn and read aloud", async () => {
    await openPage();
    expect("[data-health=months] svg").toHaveAttribute("aria-label", "Trend: Jan 2025: n/a; Feb 2025: 55; Mar 2025: 43");
});

test("a health known for one month has no trend", async () => {
    const page = makePage();
    answer = () => ({ ...page, health: { ...page.health, months: page.health.months.slice(-1) } });
    await openPage();
    expect("[data-health=months]").toHaveCount(0);
    expect("[data-fact=expected] dd").toHaveText("2.4 purchases");
});

test("an unknown health and a first purchase to come are said", async () => {
    const page = makePage();
    answer = () => ({ ...page, health: null, rhythm: null, value: { ...page.value, last_purchase: null, first_purchase: null } });
    await openPage();
    expect(".o_clm_page_health").toHaveText(/Too little is known/);
    expect(".o_clm_page_rhythm").toHaveText(/The first purchase is still to come/);
});

test("contracts and dates tell what is late", async () => {
    await openPage();
    expect(".o_clm_page_contracts tbody tr").toHaveCount(2);
    expect(texts(".o_clm_page_contracts tbody tr:eq(0) td")).toEqual(["Active", "03/31/2025 decide now", "$ 1,200"]);
    expect(texts(".o_clm_page_contracts tbody tr:eq(1) td")[1]).toBe("no end");
    expect(texts(".o_clm_page_dates li")).toEqual(["03/01/2025 9 days late Report Obligation, Marc"]);
});

test("what a customer wrote is text, never markup", async () => {
    await openPage();
    expect(".o_clm_page_comment").toHaveText("<img src=x onerror=alert(1)>");
    expect(".o_clm_page_comment img").toHaveCount(0);
    expect(".o_clm_page_answer").toHaveText(/2 of 10/);
    expect(".o_clm_page_answer .fa-frown-o").toHaveAttribute("aria-label", "unhappy");
});

test("products, hand-overs and referrals are listed", async () => {
    await openPage();
    expect(texts("[data-table=products] tbody tr > *")).toEqual(["Coffee once, on 03/01/2025", "12.5", "$ 900.00"]);
    expect(texts(".o_clm_page_handovers li")).toEqual(["Marc to Joel To accept, 03/08/2025 late"]);
    expect(".o_clm_page_referrals").toHaveText(/Brought by Deco/);
    expect(".o_clm_page_referrals").toHaveText(/and 6 more/);
});

test("a customer about whom nothing is known yet", async () => {
    const page = makePage();
    answer = () => ({
        ...page,
        stage: null,
        contracts: { count: 0, in_force: 0, rows: [] },
        deadlines: { rows: [], missed: 0, missed_id: null },
        products: { count: 0, products: [], categories: [] },
        feedback: { waiting: 0, count: 0, unanswered: null, last: null, answers: [] },
        handovers: [],
        referrals: { brought_by: null, count: 0, brought: [] },
        timeline: { count: 0, kinds: [], has_more: false, entries: [] },
    });
    await openPage();
    expect(".o_clm_page_header").toHaveText(/Not in the lifecycle/);
    expect(".o_clm_page_path").toHaveCount(0);
    for (const [part, text] of [
        ["contracts", "No contract yet."],
        ["products", "Nothing bought yet."],
        ["feedback", "No answer yet."],
        ["timeline", "Nothing happened yet."],
    ]) {
        expect(`.o_clm_page_${part}`).toHaveText(new RegExp(text));
    }
    expect(".o_clm_page_handovers, .o_clm_page_referrals").toHaveCount(0);
});

test("headings go from the customer to its parts to the months", async () => {
    await openPage();
    expect(".o_clm_page_sheet h2").toHaveCount(1);
    expect(".o_clm_page_sheet h3").toHaveCount(10);
    expect(texts(".o_clm_page_month h4")).toEqual(["March 2025", "February 2025"]);
    for (const section of document.querySelectorAll(".o_clm_page_sheet section")) {
        expect(`#${section.getAttribute("aria-labelledby")}`).toHaveCount(1);
    }
});

// --- states -------------------------------------------------------------------

test("a skeleton shows while the customer is on its way", async () => {
    const later = new Deferred();
    answer = () => later;
    await openPage();
    expect(".o_clm_page_skeleton").toHaveCount(1);
    expect(".o_clm_page_sheet").toHaveAttribute("aria-busy", "true");
    later.resolve(makePage());
    await animationFrame();
    expect(".o_clm_page_skeleton").toHaveCount(0);
    expect(".o_clm_page_sheet [role=status]:first").toHaveText("The customer is shown");
});

test("an error is told, and the page can be tried again", async () => {
    answer = () => {
        throw makeServerError({ message: "This customer was deleted since." });
    };
    await openPage();
    expect(".o_clm_customer_page [role=alert]").toHaveText(/could not be shown\. This customer was deleted since/);
    answer = () => makePage();
    await contains(".alert button:contains(Try again)").click();
    await animationFrame();
    expect(".o_clm_customer_page [role=alert]").toHaveCount(0);
    expect(".o_clm_page_header h2").toHaveText("Azure Interior");
});

test("without a customer the page asks for one", async () => {
    await openPage({ ...PAGE, params: {} });
    expect(".o_clm_customer_page").toHaveText(/Which customer\?/);
});

// --- timeline -----------------------------------------------------------------

test("an event tells what was bought, and the rest of its lines by number", async () => {
    await openPage();
    expect(texts(".o_clm_page_event:first .o_clm_page_what > .small:first")).toEqual(["2 × Coffee, Tea, 4 more"]);
    expect(".o_clm_page_event:first b").toHaveText("$ 100.00");
});

test("what may not be read is no button", async () => {
    const page = makePage();
    page.timeline.entries = [makeEntry(3, { can_open: false })];
    answer = () => page;
    await openPage();
    expect(".o_clm_page_event").toHaveText(/S3/);
    expect(".o_clm_page_event button").toHaveCount(0);
});

test("more is appended to what is shown", async () => {
    await openPage();
    expect(".o_clm_page_timeline [role=status]").toHaveText("2 of 42");
    await contains("button[name=more]").click();
    expect(asked).toEqual([[7, 2, 40, []]]);
    expect(texts(".o_clm_page_event .btn-link")).toEqual(["S3", "S2", "S1"]);
    expect("button[name=more]").toHaveCount(0);
});

test("kinds are chosen together, and all again", async () => {
    await openPage();
    more = () => ({ entries: [makeEntry(9)], has_more: true });
    await contains(".o_clm_page_kinds button[name=order]").click();
    expect(asked.at(-1)).toEqual([7, 0, 40, ["order"]]);
    expect(".o_clm_page_kinds button[name=order]").toHaveAttribute("aria-pressed", "true");
    expect(".o_clm_page_timeline [role=status]").toHaveText("1 of 41");
    await contains(".o_clm_page_kinds button[name=contact]").click();
    expect(asked.at(-1)[3]).toEqual(["order", "contact"]);
    await contains("button[name=more]").click();
    expect(asked.at(-1)).toEqual([7, 1, 40, ["order", "contact"]]);
    await contains(".o_clm_page_kinds button[name=all]").click();
    expect(asked.at(-1)).toEqual([7, 0, 40, []]);
    expect(".o_clm_page_kinds button[aria-pressed=true]").toHaveText("All");
});

test("what moved down meanwhile is not shown twice", async () => {
    await openPage();
    more = () => ({ entries: [makeEntry(2, { day: "2025-02-27" }), makeEntry(1, { day: "2025-02-26" })], has_more: false });
    await contains("button[name=more]").click();
    expect(texts(".o_clm_page_event .btn-link")).toEqual(["S3", "S2", "S1"]);
});

test("days of companies in other time zones may go back to a month", async () => {
    const page = makePage();
    page.timeline.entries = [makeEntry(3), makeEntry(2, { day: "2025-02-28" }), makeEntry(1)];
    answer = () => page;
    await openPage();
    expect(texts(".o_clm_page_month h4")).toEqual(["March 2025", "February 2025", "March 2025"]);
});

test("when more cannot be loaded that is told, and what is shown stays", async () => {
    await openPage();
    more = () => {
        throw makeServerError({ message: "Out of order" });
    };
    await contains("button[name=more]").click();
    expect(".o_clm_page_timeline [role=alert]").toHaveText(/More could not be loaded\. Out of order/);
    expect(".o_clm_page_event").toHaveCount(2);
    more = last;
    await contains("button[name=more]").click();
    expect(".o_clm_page_timeline [role=alert]").toHaveCount(0);
    expect(".o_clm_page_event").toHaveCount(3);
});

// --- what opens ---------------------------------------------------------------

test("buttons open documents, dialogs and the summary of this customer", async () => {
    const opened = spyActions();
    await openPage();
    for (const name of ["contact", "hand_over", "ask", "print", "answer_feedback"]) {
        await contains(`button[name=${name}]`).click();
    }
    await contains(".o_clm_page_event:first .btn-link").click();
    expect(opened.map(({ res_model: model, res_id: id, report_name: report }) => report || [model, id])).toEqual([
        ["res.partner", 7],
        ["clm.handover.request", undefined],
        ["clm.feedback.request", undefined],
        "clm.report_customer_summary",
        ["clm.feedback", 5],
        ["sale.order", 3],
    ]);
    expect(opened[1].context.active_ids).toEqual([7]);
    expect(opened[3].context.active_ids).toEqual([7]);
});

test("those who may not hand over or ask have no buttons for it", async () => {
    const page = makePage();
    answer = () => ({ ...page, header: { ...page.header, can_hand_over: false, can_ask: false } });
    await openPage();
    expect(texts(".o_clm_page_buttons button")).toEqual(["Open contact", "Print summary"]);
});

test("coming back finds the timeline as it was", async () => {
    const list = { type: "ir.actions.act_window", name: "Contacts", res_model: "res.partner", views: [[false, "list"]] };
    const page = makePage();
    page.actions[0].action = list;
    answer = () => page;
    await openPage();
    await contains("button[name=more]").click();
    await contains("button[name=answer_feedback]").click();
    await animationFrame();
    expect(".o_list_view").toHaveCount(1);
    await contains(".o_back_button, .breadcrumb-item:contains(Azure)").click();
    await animationFrame();
    expect(".o_clm_page_event").toHaveCount(3);
    expect(asked).toHaveLength(1);
});
