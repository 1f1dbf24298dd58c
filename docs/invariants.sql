-- What must hold of the database: each query returns no row when all is well. One that lists
-- candidates is settled by Temporal: `temporal workflow describe --workflow-id activate-esim-<order
-- id>` must say that the order's workflow runs. The numbers are those of the catalogue that the
-- tests refer to. No. 6 (a code shown to one customer and later given to another) follows from 1
-- and 2, since no shown item ever leaves ASSIGNED but to RETIRED.

-- 1. A profile whose item has another order, ICCID or confirmation code, or is not assigned.
SELECT p.order_id FROM esim_profiles p LEFT JOIN esim_inventory i ON i.id = p.inventory_item_id
WHERE p.status IN ('ASSIGNED', 'ACTIVATED')
  AND (i.status, i.order_id, i.iccid, i.confirmation_code)
      IS DISTINCT FROM ('ASSIGNED', p.order_id, p.iccid, p.confirmation_code);
-- 1, 2. An item behind two profiles; two items held for one order; two profiles with one code.
SELECT 'item', inventory_item_id FROM esim_profiles WHERE inventory_item_id IS NOT NULL
GROUP BY 2 HAVING count(*) > 1
UNION ALL
SELECT 'order', order_id FROM esim_inventory WHERE status IN ('RESERVED', 'ASSIGNED')
GROUP BY 2 HAVING count(*) > 1
UNION ALL
SELECT 'code of order', min(order_id) FROM esim_profiles WHERE qr_payload IS NOT NULL
GROUP BY qr_payload HAVING count(*) > 1;
-- 3. What we believe to have bought: compare with the provider's own list, order by order.
--    (A report, not an invariant.)
SELECT provider, order_id, reference, state, sent_at FROM provider_intents
WHERE state <> 'REFUSED' ORDER BY provider, id;
-- 4. More than one purchase of an order that is or may be a charge.
SELECT order_id FROM provider_intents WHERE state IN ('SENT', 'ACCEPTED', 'UNKNOWN', 'CONFIRMED')
GROUP BY order_id HAVING count(*) > 1;
-- 4. More than one successful payment of an order.
SELECT order_id FROM payments WHERE status = 'SUCCEEDED' GROUP BY order_id HAVING count(*) > 1;
-- 5. Candidates: a purchase without an outcome, on no list. (UNKNOWN ones: esimctl reviews.)
SELECT i.order_id, i.state, i.sent_at, p.status
FROM provider_intents i JOIN esim_profiles p USING (order_id)
WHERE (i.state IN ('INTENDED', 'SENT')
       AND COALESCE(i.sent_at, i.created_at) < now() - interval '10 minutes')
   OR (i.state = 'ACCEPTED' AND i.accepted_at < now() - interval '25 hours');
-- 7. Candidates: held for an order for long.
SELECT id, order_id, reserved_at FROM esim_inventory
WHERE status = 'RESERVED' AND reserved_at < now() - interval '10 minutes';
-- 7. Free with an order; assigned without a profile; held for an order that is over.
SELECT i.id FROM esim_inventory i LEFT JOIN esim_profiles p ON p.inventory_item_id = i.id
WHERE (i.status = 'AVAILABLE' AND i.order_id IS NOT NULL) OR (i.status = 'ASSIGNED' AND p.id IS NULL)
UNION ALL
SELECT i.id FROM esim_inventory i JOIN esim_profiles p USING (order_id)
WHERE i.status = 'RESERVED' AND p.status IN ('ASSIGNED', 'ACTIVATED', 'CANCELLED', 'EXPIRED');
-- 8. Candidates: begun, not ended, not parked, and silent for longer than the longest wait.
SELECT order_id, status, updated_at FROM esim_profiles
WHERE started_at IS NOT NULL AND status IN ('PENDING_ACTIVATION', 'RESERVED', 'ASSIGNED')
  AND updated_at < now() - interval '25 hours';
-- 9. An import that lost rows; a purchase that left no item.
SELECT 'import', m.id FROM inventory_imports m
WHERE m.row_count <> (SELECT count(*) FROM esim_inventory i WHERE i.import_id = m.id)
UNION ALL
SELECT 'intent', n.id FROM provider_intents n
WHERE n.state = 'CONFIRMED' AND NOT EXISTS (
  SELECT FROM esim_inventory i WHERE i.id = n.inventory_item_id AND i.provider = n.provider);
-- 10. An event that does not begin where the one before it ended.
SELECT order_id, id FROM (
  SELECT order_id, id, from_status,
         lag(to_status, 1, 'PENDING_ACTIVATION') OVER (PARTITION BY order_id ORDER BY id) AS earlier
  FROM esim_provisioning_events WHERE to_status IS NOT NULL) edges
WHERE from_status <> earlier;
-- 10. A last event that differs from the state.
SELECT order_id FROM esim_profiles p
WHERE status <> COALESCE((
  SELECT to_status FROM esim_provisioning_events e
  WHERE e.order_id = p.order_id AND to_status IS NOT NULL ORDER BY id DESC LIMIT 1),
  'PENDING_ACTIVATION');
-- 10. Not exactly one assignment behind a ready profile.
SELECT order_id FROM esim_profiles p
WHERE status IN ('ASSIGNED', 'ACTIVATED') AND 1 <> (
  SELECT count(*) FROM esim_provisioning_events e
  WHERE e.order_id = p.order_id AND kind = 'profile_assigned');
-- 11. Anything like an activation code where none may be.
SELECT 'event', id FROM esim_provisioning_events WHERE concat(payload, error) ~ 'LPA:|1\$[^$]+\$'
UNION ALL
SELECT 'intent', id FROM provider_intents WHERE concat(request, reply, error) ~ 'LPA:|1\$[^$]+\$';
-- 12. Refunded first, assigned afterwards.
SELECT p.order_id FROM esim_profiles p JOIN orders o ON o.id = p.order_id
JOIN payments y ON y.order_id = o.id AND y.status = 'REFUNDED'
WHERE o.status = 'REFUNDED' AND p.provisioned_at > y.settled_at;
