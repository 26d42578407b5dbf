-- Sends every request as a POST of JSON; the body is the first argument after "--".
function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = args[1]
end
