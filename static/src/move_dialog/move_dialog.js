/**
 * Open the dialog that asks for the reason of a move by hand, and makes it.
 *
 * @param {import("@web/env").OdooEnv["services"]["action"]} action
 * @param {number[]} partnerIds
 * @param {number | false} stageId the stage proposed
 * @returns {Promise<boolean>} whether the customers moved
 */
export function askMove(action, partnerIds, stageId) {
    return new Promise((resolve, reject) => {
        action
            .doAction("clm.clm_stage_move_action", {
                additionalContext: {
                    active_model: "res.partner",
                    active_id: partnerIds[0],
                    active_ids: partnerIds,
                    default_stage_id: stageId,
                },
                onClose: (infos) => resolve(Boolean(infos?.moved)),
            })
            .catch(reject);
    });
}
