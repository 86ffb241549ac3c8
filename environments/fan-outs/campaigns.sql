-- One line for each campaign without a model. Campaigns of the Region with the most idle instances come first.
-- A campaign whose data has a copy in another Region can run in either. The shares of the queues are the fleets.
SELECT campaigns.id,
  '[{"region": "' || campaigns.region || '", "data": "' || campaigns.data || '"}'
    || COALESCE(', {"region": "' || campaigns.copy_region || '", "data": "' || campaigns.copy || '"}', '')
    || ']' AS candidates,
  campaigns.fleet AS share,
  'ml.p4d.24xlarge' AS instance_type,
  CAST(LEAST(15, GREATEST(1, CEIL(campaigns.gigabytes / 2000.0))) AS integer) AS instance_count,
  'training/pytorch:2.9' AS image,
  campaigns.gigabytes AS data_gb,
  campaigns.hours
FROM drives.campaigns AS campaigns
LEFT JOIN (
  SELECT region, MAX(idle) AS idle FROM capacity WHERE instance_type = 'ml.p4d.24xlarge' GROUP BY region
) AS free ON free.region = campaigns.region
WHERE campaigns.model IS NULL
ORDER BY COALESCE(free.idle, 0) DESC, campaigns.id
